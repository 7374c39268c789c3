"""Verbs that change deliveries: retry, discard, each with `--dry-run`."""

from __future__ import annotations

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
    """The deliveries that a verb is to change, and in words how they were chosen by a filter."""

    engine: Engine
    ids: list[int]
    words: str | None


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
    _report(changed, len(chosen.ids), "retried", as_json=as_json)


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
    _report(changed, len(chosen.ids), "discarded", as_json=as_json)


def _chosen(ids: list[int] | None, wanted: RunFilter, status: str) -> _Chosen:
    """Opens the database; chooses the deliveries that are named, else those of the status that match."""
    from fairmind_sync.outbox import delivery_lookup
    from fairmind_sync.storage.engine import reading

    if not ids and wanted == delivery_lookup.RunFilter():
        raise typer.BadParameter("name deliveries by id, or say which: --test-id, --provider, ...")
    if ids and wanted != delivery_lookup.RunFilter():
        raise typer.BadParameter("give ids or options that choose, not both")
    engine = opened(current_settings())
    if ids:
        return _Chosen(engine, ids, None)
    matching = replace(wanted, status=status)
    with reading(engine) as connection:
        return _Chosen(engine, delivery_lookup.ids(connection, matching), matching.in_words())


def _tell_rehearsal(chosen: _Chosen, would_change: int, verb: str, *, as_json: bool) -> NoReturn:
    """Says what would change; shows the first deliveries of those that were chosen."""
    from fairmind_sync.operating.why_waiting import why_held_back
    from fairmind_sync.outbox.delivery_lookup import RunFilter, find
    from fairmind_sync.storage.engine import current_time, reading

    unchanged = len(chosen.ids) - would_change
    if as_json:
        print_json({"would_change": would_change, "unchanged": unchanged})
    elif not would_change:
        fail(f"nothing would be {verb}: no such delivery is in a state for it")
    else:
        first = (find(chosen.engine, RunFilter(delivery_id=id_)) for id_ in chosen.ids[:_SHOWN])
        with reading(chosen.engine) as connection:
            held = why_held_back(connection)
        columns = delivery_columns(current_time(chosen.engine), held)
        show(Listing(columns, [one for found in first for one in found]))
        say(
            f"{would_change:,} of {_deliveries(len(chosen.ids))} would be {verb}; "
            "nothing was changed"
        )
    raise typer.Exit(0 if would_change else 1)


def _report(changed: int, chosen: int, verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": changed, "unchanged": chosen - changed})
    elif not changed:
        fail(f"nothing was {verb}: no such delivery is in a state for it. See: fairmind-sync runs")
    else:
        say(f"{verb} {changed:,} of {_deliveries(chosen)}")
    raise typer.Exit(0 if changed else 1)


def _deliveries(count: int) -> str:
    return counted(count, "delivery", "deliveries")
