"""The page of deliveries: list, count, page by page; and all that match as a JSON or CSV file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from fairmind_sync.api.context import CurrentSettings, Store
from fairmind_sync.api.pages.delivery_filter import DeliveryFilter
from fairmind_sync.api.pages.rendering import render
from fairmind_sync.evidence.cells import csv_cell
from fairmind_sync.operating.why_waiting import providers_that_hold_back, waits
from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter
from fairmind_sync.outbox.suggestions import suggestions
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import DEAD, STATUSES
from fairmind_sync.storage.engine import current_time, reading
from fairmind_sync.text import storable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

router = APIRouter(include_in_schema=False)

Wanted = Annotated[DeliveryFilter, Query()]
_PAGE_SIZE = 50
MOST_COUNTED = 10_000
_PART = 500
"""So many deliveries of a file are read at once: no read holds the others up."""


@router.get("/deliveries")
def deliveries(
    request: Request, settings: CurrentSettings, engine: Store, wanted: Wanted
) -> HTMLResponse:
    with reading(engine) as connection:
        page, newer, older = _page(connection, wanted)
        all_that_match = None if older or wanted.is_further else page
        count = _count(connection, wanted, all_that_match)
        some_dead = _has_dead(connection, wanted, all_that_match)
        known = suggestions(connection)
        holding = providers_that_hold_back(connection)
    now = current_time(engine)
    held = {one.id: one.provider for one in page if one.provider in holding and waits(one, now)}
    return render(
        request,
        "deliveries.html",
        settings,
        now=now,
        held=held,
        holding={name: one for name, one in holding.items() if name in held.values()},
        wanted=wanted,
        deliveries=page,
        newer=newer,
        older=older,
        count=count,
        some_dead=some_dead,
        is_more=count >= MOST_COUNTED,
        known=known,
        providers=PROVIDERS,
        statuses=STATUSES,
        kinds=[*ErrorKind],
    )


@router.get("/deliveries.json")
def as_json(engine: Store, wanted: Wanted) -> StreamingResponse:
    """Gives every delivery that matches, as one JSON array."""
    return _file(_json_parts(engine, wanted.run_filter()), "application/json", "deliveries.json")


@router.get("/deliveries.csv")
def as_csv(engine: Store, wanted: Wanted) -> StreamingResponse:
    """Gives every delivery that matches, as CSV with a header line."""
    return _file(_csv_parts(engine, wanted.run_filter()), "text/csv", "deliveries.csv")


def _page(
    connection: Connection, wanted: DeliveryFilter
) -> tuple[list[DeliveryRecord], str | None, str | None]:
    """Returns a page of the list, and the addresses of the pages before and after it."""
    chosen = wanted.run_filter()
    found = delivery_lookup.deliveries(connection, chosen, _PAGE_SIZE + 1)
    has_more = len(found) > _PAGE_SIZE
    is_first = chosen.before is None and chosen.after is None
    is_back = not is_first and (chosen.after is not None) != chosen.is_oldest_first
    page = found[-_PAGE_SIZE:] if is_back else found[:_PAGE_SIZE]
    if not page:
        return page, None, None
    first, last = page[0].id, page[-1].id
    onwards, back = wanted.link(before=last), wanted.link(after=first)
    if chosen.is_oldest_first:
        onwards, back = wanted.link(after=last), wanted.link(before=first)
    has_back = has_more if is_back else not is_first
    return page, back if has_back else None, onwards if has_more or is_back else None


def _count(
    connection: Connection, wanted: DeliveryFilter, found: list[DeliveryRecord] | None
) -> int:
    """Returns how many match; `found` is all of them where the page has them all, else None."""
    if found is not None:
        return len(found)
    everywhere = DeliveryFilter.model_validate(wanted.fields).run_filter()
    return delivery_lookup.count(connection, everywhere, MOST_COUNTED)


def _has_dead(
    connection: Connection, wanted: DeliveryFilter, found: list[DeliveryRecord] | None
) -> bool:
    """Returns whether something dead matches, which could be retried; `found` as of `_count`."""
    if not wanted.is_narrow or wanted.status not in ("", DEAD):
        return False
    if found is not None:
        return any(one.status == DEAD for one in found)
    dead = DeliveryFilter.model_validate({**wanted.fields, "status": DEAD}).run_filter()
    return bool(delivery_lookup.count(connection, dead, 1))


def _file(parts: Iterator[str], media_type: str, name: str) -> StreamingResponse:
    return StreamingResponse(
        (storable(part) for part in parts),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _json_parts(engine: Engine, wanted: RunFilter) -> Iterator[str]:
    before = "[\n"
    for record in delivery_lookup.in_parts(engine, wanted, _PART):
        yield before + json.dumps(asdict(record), default=_text, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _csv_parts(engine: Engine, wanted: RunFilter) -> Iterator[str]:
    yield _csv_line([field.name for field in fields(DeliveryRecord)])
    for record in delivery_lookup.in_parts(engine, wanted, _PART):
        yield _csv_line([*asdict(record).values()])


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _csv_line(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(map(_cell, cells))
    return text.getvalue()


def _cell(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else csv_cell(value)
