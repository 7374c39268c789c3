"""Verbs that change what becomes of deliveries."""

from __future__ import annotations

from typing import Annotated

import typer

from fairmind_sync.cli.app import AsJson, Provider, current_settings, provider_named
from fairmind_sync.cli.output import fail, print_json, say

Ids = Annotated[list[int] | None, typer.Argument(help="Deliveries, as 'runs' numbers them.")]
OfTest = Annotated[str | None, typer.Option(help="Every one of this test.")]
OfProvider = Annotated[str | None, typer.Option(help="Every one of this provider.")]


def retry(
    ids: Ids = None,
    test_id: OfTest = None,
    provider: OfProvider = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Return dead deliveries to pending, due now."""
    from fairmind_sync import operations  # noqa: PLC0415 verbs import when they run

    chosen = _chosen(ids, test_id, provider, ("dead",))
    _report(operations.retry(current_settings(), chosen), len(chosen), "retried", as_json=as_json)


def discard(
    reason: Annotated[str, typer.Option(help="Why; kept with each delivery.")],
    ids: Ids = None,
    test_id: OfTest = None,
    provider: OfProvider = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give up deliveries that are dead, or pending and not under way."""
    from fairmind_sync import operations  # noqa: PLC0415 as above

    chosen = _chosen(ids, test_id, provider, ("dead", "pending"))
    changed = operations.discard(current_settings(), chosen, reason)
    _report(changed, len(chosen), "discarded", as_json=as_json)


def pause(provider: Provider, *, as_json: AsJson = False) -> None:
    """Hold a provider's deliveries back; what is under way ends as it would."""
    from fairmind_sync import operations  # noqa: PLC0415 as above

    name = provider_named(provider)
    changed = operations.pause(current_settings(), name)
    if as_json:
        print_json({"provider": name, "changed": changed})
    else:
        say(f"{name} is paused. To go on: fairmind-sync resume {name}")


def resume(provider: Provider, *, as_json: AsJson = False) -> None:
    """End a pause; try a provider again at once that was blocked or offline."""
    from fairmind_sync import operations  # noqa: PLC0415 as above

    name = provider_named(provider)
    changed = operations.resume(current_settings(), name)
    if as_json:
        print_json({"provider": name, "changed": changed})
    elif changed:
        say(f"{name} is tried again by the daemon, or by: fairmind-sync drain")
    else:
        say(f"{name} is ready; there is nothing to resume")


def _chosen(
    ids: list[int] | None, test_id: str | None, provider: str | None, statuses: tuple[str, ...]
) -> list[int]:
    """The deliveries that are named, or those in one of the statuses that the options let through."""
    from fairmind_sync import operations  # noqa: PLC0415 as above
    from fairmind_sync.lookup import RunFilter  # noqa: PLC0415 as above

    if ids:
        return ids
    if test_id is None and provider is None:
        raise typer.BadParameter("name deliveries by id, or give --test-id or --provider")
    name = provider_named(provider) if provider else None
    wanted = [RunFilter(test_id=test_id, provider=name, status=status) for status in statuses]
    return [one.id for each in wanted for one in operations.find(current_settings(), each)]


def _report(changed: int, chosen: int, verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": changed, "unchanged": chosen - changed})
    elif not changed:
        fail(f"nothing was {verb}: no such delivery is in a state for it. See: fairmind-sync runs")
    else:
        say(f"{verb} {changed} of {chosen} deliveries")
    raise typer.Exit(0 if changed else 1)
