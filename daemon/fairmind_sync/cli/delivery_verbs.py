"""Verbs on deliveries and runs: runs, url, explain, retry, discard."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fairmind_sync.cli.command import (
    PROVIDER_NAMES,
    AsJson,
    by_command,
    current_settings,
    opened,
    opened_to_look,
    provider_named,
)
from fairmind_sync.cli.output import fail, print_json, print_table, say
from fairmind_sync.provider_names import PROVIDERS, either

if TYPE_CHECKING:
    from fairmind_sync.operating.explanation import Explanation


def runs(
    test_id: Annotated[str | None, typer.Option(help="Only this test.")] = None,
    model_id: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    provider: Annotated[str | None, typer.Option(help=PROVIDER_NAMES)] = None,
    status: Annotated[
        str | None, typer.Option(help="pending, delivered, dead or discarded.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10**6, help="At most so many, newest first.")
    ] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List deliveries and their runs."""
    from fairmind_sync.outbox.delivery_lookup import RunFilter, find

    wanted = RunFilter(test_id=test_id, model_id=model_id, provider=provider, status=status)
    found = find(opened_to_look(), wanted, limit)
    if as_json:
        print_json([asdict(delivery) for delivery in found])
        return
    print_table(
        ("id", "test", "provider", "status", "attempts", "run", "URL or error"),
        [
            (d.id, d.test_id, d.provider, d.status, d.attempts, d.run_id, d.run_url or d.last_error)
            for d in found
        ],
    )


def url(
    provider: Annotated[str | None, typer.Argument(help=PROVIDER_NAMES)] = None,
    run_id: Annotated[str | None, typer.Argument(help="The run's id.")] = None,
    test_id: Annotated[str | None, typer.Option(help="Every run of this test.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print a run's URL, from the local database."""
    from fairmind_sync.outbox.delivery_lookup import RunFilter, find, run_url

    engine = opened_to_look()
    if test_id is not None:
        wanted = RunFilter(test_id=test_id, provider=provider, status="delivered")
        urls = [delivery.run_url for delivery in find(engine, wanted)]
    elif provider in PROVIDERS and run_id:
        urls = [run_url(engine, provider_named(provider), run_id)]
    else:
        raise typer.BadParameter(
            f"give a provider ({either(*PROVIDERS)}) and a run id, or --test-id"
        )
    known = [url for url in urls if url]
    if as_json:
        print_json({"urls": known})
        raise typer.Exit(0 if known else 1)
    if not known:
        fail("no URL is recorded for that. See: fairmind-sync runs")
    say("\n".join(known))


def explain(
    test_id: Annotated[str, typer.Argument(help="The test's id.")], *, as_json: AsJson = False
) -> None:
    """Say why a result is, or isn't, at each provider: state, attempts, last error, next try, what to do."""
    from fairmind_sync.operating.explanation import explain as explain_test
    from fairmind_sync.storage.engine import current_time

    settings = current_settings()
    engine = opened(settings)
    found = explain_test(engine, settings, test_id, current_time(engine))
    if as_json:
        print_json([asdict(one) for one in found])
        raise typer.Exit(0 if found else 1)
    if not found:
        fail(f"there is no delivery of a test {test_id!r}. See: fairmind-sync runs, and backfill")
    for one in found:
        _print_explanation(one)


def _print_explanation(one: Explanation) -> None:
    delivery = one.delivery
    say(f"{delivery.provider}, delivery {delivery.id}: {delivery.status}. {one.state}")
    if one.last_error:
        say(f"  last error: {one.last_error}")
    if one.evidence:
        say(f"  evidence:   {one.evidence}")
    if one.next_try:
        say(f"  next try:   {one.next_try:%Y-%m-%d %H:%M:%S} UTC")
    if one.what_to_do:
        say(f"  what to do: {one.what_to_do}")
    if one.attempts:
        print_table(
            ("attempt started", "ended", "outcome", "error"),
            [
                (f"{a.started_at:%Y-%m-%d %H:%M:%S}", a.finished_at, a.outcome, a.error)
                for a in one.attempts
            ],
        )


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
    from fairmind_sync.operating import actions

    chosen = _chosen(ids, test_id, provider, ("dead",))
    _report(
        actions.retry(opened(current_settings()), chosen, by_command()),
        len(chosen),
        "retried",
        as_json=as_json,
    )


def discard(
    reason: Annotated[str, typer.Option(help="Why; kept with each delivery.")],
    ids: Ids = None,
    test_id: OfTest = None,
    provider: OfProvider = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give up deliveries that are dead, or pending and not under way."""
    from fairmind_sync.operating import actions

    chosen = _chosen(ids, test_id, provider, ("dead", "pending"))
    changed = actions.discard(opened(current_settings()), chosen, reason, by_command())
    _report(changed, len(chosen), "discarded", as_json=as_json)


def _chosen(
    ids: list[int] | None, test_id: str | None, provider: str | None, statuses: tuple[str, ...]
) -> list[int]:
    """Returns the ids that are named, or of the deliveries in one of the statuses that the options choose."""
    from fairmind_sync.outbox.delivery_lookup import RunFilter, find

    if ids:
        return ids
    if test_id is None and provider is None:
        raise typer.BadParameter("name deliveries by id, or give --test-id or --provider")
    name = provider_named(provider) if provider else None
    wanted = [RunFilter(test_id=test_id, provider=name, status=status) for status in statuses]
    engine = opened(current_settings())
    return [one.id for each in wanted for one in find(engine, each)]


def _report(changed: int, chosen: int, verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": changed, "unchanged": chosen - changed})
    elif not changed:
        fail(f"nothing was {verb}: no such delivery is in a state for it. See: fairmind-sync runs")
    else:
        say(f"{verb} {changed} of {chosen} deliveries")
    raise typer.Exit(0 if changed else 1)
