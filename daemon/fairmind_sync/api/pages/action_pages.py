"""What buttons do: retry, discard, pause, resume by form; the page
that asks to confirm what concerns many deliveries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from fairmind_sync.api.context import (
    CurrentActor,
    CurrentSettings,
    DeliveryId,
    KnownProvider,
    Store,
)
from fairmind_sync.api.pages.delivery_filter import DeliveryFilter
from fairmind_sync.api.pages.rendering import LONGEST_BACK, Back, link, render, to
from fairmind_sync.operating import actions
from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID, DeliveryRecord, RunFilter
from fairmind_sync.results.states import DEAD, PENDING
from fairmind_sync.storage.engine import current_time, reading

if TYPE_CHECKING:
    from sqlalchemy import Connection

router = APIRouter(include_in_schema=False)

_MOST_CHOSEN = 500
_MOST_SHOWN = 10
Ids = Annotated[
    list[Annotated[int, Field(ge=1, le=LARGEST_ID)]], Field(default=[], max_length=_MOST_CHOSEN)
]
Reason = Annotated[str, Form(min_length=1, max_length=1000)]


class ChosenByAddress(DeliveryFilter):
    """Deliveries by their ids or, if `all` is true, all that the filter lets through."""

    do: Literal["retry", "discard"] = "retry"
    id: Ids
    all: bool = False
    back: Annotated[str, Field(max_length=LONGEST_BACK)] = "/deliveries"


class ChosenByForm(ChosenByAddress):
    """The same as a form sends it, with the reason of a discard."""

    reason: Annotated[str, Field(max_length=1000)] = ""


@router.get("/deliveries/confirm")
def confirm(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    chosen: Annotated[ChosenByAddress, Query()],
) -> Response:
    """Shows what a retry or discard of many deliveries will do; nothing is changed yet."""
    if _is_nothing(chosen):
        return _back(chosen, "chosen=0")
    with reading(engine) as connection:
        count = len(chosen.id) or delivery_lookup.count(connection, _filter(chosen), LARGEST_ID)
        first = _first(connection, chosen)
    named = "chosen deliveries" if chosen.id else _filter(chosen).in_words()
    return render(
        request, "confirm.html", settings, chosen=chosen, count=count, named=named, first=first
    )


@router.post("/deliveries/act")
def act(
    engine: Store, by: CurrentActor, chosen: Annotated[ChosenByForm, Form()]
) -> RedirectResponse:
    """Retries or discards the deliveries that were confirmed."""
    if _is_nothing(chosen):
        return _back(chosen, "chosen=0")
    wanted = _filter(chosen)
    reason = chosen.reason.strip() or "no reason given"
    match chosen.do, bool(chosen.id):
        case "retry", True:
            done = actions.retry(engine, chosen.id, by)
        case "retry", _:
            done = actions.retry_all(engine, wanted, by)
        case _, True:
            done = actions.discard(engine, chosen.id, reason, by)
        case _:
            done = actions.discard_all(engine, wanted, reason, by)
    verb = {"retry": "retried", "discard": "discarded"}[chosen.do]
    return _back(chosen, f"{verb}={done}")


@router.post("/deliveries/{delivery_id}/retry")
def retry(
    delivery_id: DeliveryId, engine: Store, by: CurrentActor, back: Back = "/"
) -> RedirectResponse:
    actions.retry(engine, [delivery_id], by)
    return to(back)


@router.post("/deliveries/{delivery_id}/discard")
def discard(
    delivery_id: DeliveryId, engine: Store, by: CurrentActor, reason: Reason, back: Back = "/"
) -> RedirectResponse:
    actions.discard(engine, [delivery_id], reason, by)
    return to(back)


@router.post("/providers/{provider}/pause")
def pause(
    provider: KnownProvider, engine: Store, by: CurrentActor, back: Back = "/"
) -> RedirectResponse:
    actions.pause(engine, provider, by)
    return to(back)


@router.post("/providers/{provider}/resume")
def resume(
    provider: KnownProvider, engine: Store, by: CurrentActor, back: Back = "/"
) -> RedirectResponse:
    """Has the provider asked; the page that it leads back to tells the answer."""
    was_unready = actions.resume(engine, provider, by)
    path = back.partition("?")[0]
    asked = {"asked": provider, "at": current_time(engine).timestamp()} if was_unready else {}
    return to(link(path, **asked))


def _filter(chosen: ChosenByAddress) -> RunFilter:
    """Returns the filter for what is dead, whatever the list showed, or is pending and to be discarded."""
    is_of_pending = chosen.do == "discard" and chosen.status == PENDING
    fields = {**chosen.fields, "status": PENDING if is_of_pending else DEAD}
    return DeliveryFilter.model_validate(fields).run_filter()


def _first(connection: Connection, chosen: ChosenByAddress) -> list[DeliveryRecord]:
    """Returns the first deliveries of those that are chosen, for people to see whether these are meant."""
    if not chosen.id:
        return delivery_lookup.deliveries(connection, _filter(chosen), _MOST_SHOWN)
    named = (RunFilter(delivery_id=id_) for id_ in chosen.id[:_MOST_SHOWN])
    return [one for each in named for one in delivery_lookup.deliveries(connection, each)]


def _is_nothing(chosen: ChosenByAddress) -> bool:
    """Returns whether no delivery was chosen: that never means all."""
    return not chosen.id and not chosen.all


def _back(chosen: ChosenByAddress, told: str) -> RedirectResponse:
    return to(f"{chosen.back}{'&' if '?' in chosen.back else '?'}{told}")
