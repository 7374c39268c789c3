"""Verbs that change deliveries: retry, discard, each with `--dry-run`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from fairmind_sync.cli.choices import choice
from fairmind_sync.cli.command import AsJson, by_command, current_settings, opened
from fairmind_sync.cli.delivery_verbs import delivery_columns
from fairmind_sync.cli.filters import chooses_deliveries
from fairmind_sync.cli.listing import Listing
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.cli.showing import show
from fairmind_sync.results.states import DEAD, PENDING
from fairmind_sync.text import counted

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.delivery_lookup import RunFilter

_OPEN = (DEAD, PENDING)
_SHOWN = 20
Ids = Annotated[list[int] | None, typer.Argument(help="Deliveries, as 'runs' numbers them.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say how many would change, and change nothing.")
]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The deliveries that a verb is to change, how many at each provider, and the filter that chose them."""

    engine: Engine
    ids: list[int]
    words: str | None
    at: Counter[str]
    wanted: RunFilter | None = None


@chooses_deliveries
def retry(
    ids: Ids = None,
    *,
    wanted: RunFilter,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Return dead deliveries to pending, due now: those named, or all that match.

    Example: fairmind-sync retry --provider mlflow --error 'too large' --dry-run
    """
    from fairmind_sync.operating import actions

    chosen = _chosen(ids, wanted, DEAD)
    if dry_run:
        would = actions.would_retry(chosen.engine, chosen.ids)
        _tell_rehearsal(chosen, would, "retried", as_json=as_json)
    changed = actions.retry(chosen.engine, chosen.ids, by_command(), subject=chosen.words)
    _report(changed, chosen, "retried", as_json=as_json)


@chooses_deliveries
def discard(
    reason: Annotated[str, typer.Option(help="Why; kept with each delivery.")],
    ids: Ids = None,
    status: Annotated[
        str,
        typer.Option(help="Of all that match: dead or pending.", **choice(_OPEN, "statuses")),
    ] = DEAD,
    *,
    wanted: RunFilter,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give up deliveries that are dead, or pending and not under way: those named, or all that match.

    Example: fairmind-sync discard --reason withdrawn --test-id test_123
    """
    from fairmind_sync.operating import actions

    chosen = _chosen(ids, wanted, status)
    if dry_run:
        would = actions.would_discard(chosen.engine, chosen.ids)
        _tell_rehearsal(chosen, would, "discarded", as_json=as_json)
    changed = actions.discard(chosen.engine, chosen.ids, reason, by_command(), subject=chosen.words)
    _report(changed, chosen, "discarded", as_json=as_json)


def _chosen(ids: list[int] | None, wanted: RunFilter, status: str) -> _Chosen:
    """Opens the database; chooses the deliveries that are named, else those of the status that match."""
    from fairmind_sync.outbox import delivery_lookup
    from fairmind_sync.outbox.delivery_lookup import count_by_provider
    from fairmind_sync.storage.engine import reading

    if not ids and wanted == delivery_lookup.RunFilter():
        raise typer.BadParameter("name deliveries by id, or say which: --test-id, --provider, ...")
    if ids and wanted != delivery_lookup.RunFilter():
        raise typer.BadParameter("give ids or options that choose, not both")
    engine = opened(current_settings())
    with reading(engine) as connection:
        if ids:
            named = [delivery_lookup.RunFilter(delivery_id=id_) for id_ in ids]
            at = sum((count_by_provider(connection, one) for one in named), Counter[str]())
            return _Chosen(engine, ids, None, at)
        matching = replace(wanted, status=status)
        at = count_by_provider(connection, matching)
        found = delivery_lookup.ids(connection, matching)
    return _Chosen(engine, found, matching.in_words(), at, matching)


def _fail(chosen: _Chosen, what: str) -> NoReturn:
    """Says why nothing is changed: nothing was chosen, or only what is in another state by now."""
    if chosen.wanted is None or chosen.ids:
        fail(f"{what}: no such delivery is in a state for it. See: fairmind-sync runs")
    if chosen.wanted.cause is not None:
        fail(
            f"{what}: no {chosen.wanted.status} delivery has that cause. See: fairmind-sync status"
        )
    fail(f"{what}: no {chosen.wanted.status} delivery matches. See: fairmind-sync runs")


def _tell_rehearsal(chosen: _Chosen, would_change: int, verb: str, *, as_json: bool) -> NoReturn:
    """Says what would change; shows the first deliveries of those that were chosen."""
    from fairmind_sync.operating.why_waiting import why_held_back
    from fairmind_sync.outbox.delivery_lookup import RunFilter, find
    from fairmind_sync.storage.engine import current_time, reading

    unchanged = len(chosen.ids) - would_change
    if as_json:
        at = dict(chosen.at)
        print_json({"would_change": would_change, "unchanged": unchanged, "providers": at})
    elif not would_change:
        _fail(chosen, f"nothing would be {verb}")
    else:
        first = (find(chosen.engine, RunFilter(delivery_id=id_)) for id_ in chosen.ids[:_SHOWN])
        with reading(chosen.engine) as connection:
            held = why_held_back(connection)
        columns = delivery_columns(current_time(chosen.engine), held)
        show(Listing(columns, [one for found in first for one in found]))
        where = ", ".join(f"{name} {count:,}" for name, count in sorted(chosen.at.items()))
        say(
            f"{would_change:,} of {_deliveries(len(chosen.ids))} ({where}) would be {verb}; "
            "nothing was changed"
        )
    raise typer.Exit(0 if would_change else 1)


def _report(changed: int, chosen: _Chosen, verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": changed, "unchanged": len(chosen.ids) - changed})
    elif not changed:
        _fail(chosen, f"nothing was {verb}")
    else:
        say(f"{verb} {changed:,} of {_deliveries(len(chosen.ids))}")
    raise typer.Exit(0 if changed else 1)


def _deliveries(count: int) -> str:
    return counted(count, "delivery", "deliveries")
