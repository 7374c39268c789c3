"""Verbs that look at deliveries and runs: runs, url, explain; and the columns of a listing of deliveries."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from operator import attrgetter
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairmind_sync.cli.choices import A_PROVIDER
from fairmind_sync.cli.command import (
    PROVIDER_NAMES,
    AsJson,
    current_settings,
    opened,
    opened_to_look,
)
from fairmind_sync.cli.filters import Limit, OfStatus, chooses_deliveries
from fairmind_sync.cli.how_many import MOST_COUNTED, rest_of
from fairmind_sync.cli.listing import Column, Cut, Listing, Part, ShownOn
from fairmind_sync.cli.markdown import AsMarkdown, show_as_markdown
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.cli.showing import show
from fairmind_sync.cli.watching import Watch, show_or_watch
from fairmind_sync.cli.when import age, shown
from fairmind_sync.provider_names import PROVIDERS, either
from fairmind_sync.results.error_causes import cause_in
from fairmind_sync.results.states import DEAD, DELIVERED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairmind_sync.operating.explanation import Explanation
    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter

_ATTEMPTS = (
    Column("attempt started", lambda attempt: shown(attempt.started_at)),
    Column("ended", lambda attempt: shown(attempt.finished_at)),
    Column("outcome", attrgetter("outcome")),
    Column("error", attrgetter("error"), Cut.END),
)


@chooses_deliveries
def runs(
    status: OfStatus = None,
    limit: Limit = 50,
    *,
    wanted: RunFilter,
    watch: Watch = False,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
) -> None:
    """List deliveries and their runs, newest first.

    Example: fairmind-sync runs --status dead --since 7d
    """
    from fairmind_sync.operating.why_waiting import why_held_back
    from fairmind_sync.outbox.delivery_lookup import count, deliveries, find
    from fairmind_sync.storage.engine import current_time, reading

    wanted = replace(wanted, status=status)
    engine = opened_to_look()

    def look() -> tuple[list[Part], int]:
        with reading(engine) as connection:
            found = deliveries(connection, wanted, limit)
            is_all = len(found) < limit
            total = len(found) if is_all else count(connection, wanted, MOST_COUNTED)
            held = why_held_back(connection)
        listing = Listing(delivery_columns(current_time(engine), held), found)
        return [listing, *rest_of(len(found), total, "deliveries")], 0

    if as_json:
        print_json([_plain(delivery) for delivery in find(engine, wanted, limit)])
    elif as_markdown:
        show_as_markdown(look()[0])
    else:
        show_or_watch(look, is_watched=watch)


def _plain(delivery: DeliveryRecord) -> dict[str, Any]:
    return asdict(delivery) | {"cause": cause_in(error) if (error := delivery.last_error) else None}


def delivery_columns(now: datetime, held: Mapping[str, str]) -> list[Column]:
    """Returns the columns of a listing of deliveries; `held` is what `why_held_back` found."""
    from fairmind_sync.operating.why_waiting import reason_of

    return [
        Column("id", attrgetter("id")),
        Column("age", lambda d: age(d.created_at, now), place=ShownOn.TERMINAL, is_number=True),
        Column("test", attrgetter("test_id"), Cut.MIDDLE),
        Column("provider", attrgetter("provider")),
        Column("status", attrgetter("status")),
        Column("attempts", attrgetter("attempts"), place=ShownOn.PIPE),
        Column("run", attrgetter("run_id"), place=ShownOn.PIPE),
        Column("URL or reason", lambda d: d.run_url or reason_of(d, held, now), Cut.END),
        Column("queued", lambda d: shown(d.created_at), place=ShownOn.PIPE),
    ]


def url(
    provider: Annotated[str | None, typer.Argument(help=PROVIDER_NAMES, **A_PROVIDER)] = None,
    run_id: Annotated[str | None, typer.Argument(help="The run's id.")] = None,
    test_id: Annotated[str | None, typer.Option(help="Every run of this test.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print a run's URL, from the local database.

    Of a test it is a URL a line; whose they are, and who has none, is told on standard error.

    Example: fairmind-sync url --test-id test_123
    """
    from fairmind_sync.outbox.delivery_lookup import RunFilter, find, run_url

    engine = opened_to_look()
    if test_id is not None:
        found = find(engine, RunFilter(test_id=test_id, provider=provider))
        urls = [delivery.run_url for delivery in found if _has_url(delivery)]
        if not as_json:
            _tell_whose(found)
    elif provider and run_id:
        urls = [run_url(engine, provider, run_id)]
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


def _has_url(delivery: DeliveryRecord) -> bool:
    return delivery.status == DELIVERED and delivery.run_url is not None


def _tell_whose(found: list[DeliveryRecord]) -> None:
    """Says, beside the URLs, whose they are where there are several, and which deliveries have none."""
    of = [f"{one.provider} (revision {one.revision})" for one in found if _has_url(one)]
    if len(of) > 1:
        say(f"in this order: {', '.join(of)}", is_wrong=True)
    without = [
        f"{one.provider} (revision {one.revision}, {one.status})"
        for one in found
        if not _has_url(one)
    ]
    if without:
        see = f"fairmind-sync explain {quote(found[0].test_id)}"
        say(f"without a URL: {', '.join(without)}. See: {see}", is_wrong=True)


def explain(
    named: Annotated[
        str, typer.Argument(metavar="ID", help="The id of a test, a delivery or a run.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Say why a result is, or isn't, at each provider: state, attempts, last error, next try, what to do.

    Example: fairmind-sync explain test_123
    """
    from fairmind_sync.operating.explanation import explain as explained
    from fairmind_sync.storage.engine import current_time

    settings = current_settings()
    engine = opened(settings)
    found = explained(engine, settings, named, current_time(engine))
    if as_json:
        print_json([asdict(one) | {"delivery": _plain(one.delivery)} for one in found])
        raise typer.Exit(0 if found else 1)
    if not found:
        fail(
            f"no test, delivery or run {named!r} is known here. "
            "See: fairmind-sync runs, and backfill"
        )
    for one in found:
        _print_explanation(one)


def _print_explanation(one: Explanation) -> None:
    delivery = one.delivery
    say(
        f"{delivery.provider}, delivery {delivery.id} of test {delivery.test_id}: "
        f"{delivery.status}. {one.state}"
    )
    if one.last_error:
        say(f"  last error: {one.last_error}")
    if delivery.status == DEAD:
        say(f"  cause:      {cause_in(delivery.last_error)}")
    if one.remedy:
        say(f"  it means:   {one.remedy}")
    if one.evidence:
        say(f"  evidence:   {one.evidence}")
    if one.hand_over:
        say(f"  hand-over:  {one.hand_over}")
    if one.next_try:
        say(f"  next try:   {shown(one.next_try)}")
    if one.what_to_do:
        say(f"  what to do: {one.what_to_do}")
    if one.attempts:
        show(Listing(_ATTEMPTS, one.attempts))
