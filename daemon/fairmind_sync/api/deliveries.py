"""Endpoints beyond the document's: results, deliveries and their runs, and what an operator does to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from fairmind_sync import lookup, operations, provider_state, records, schema
from fairmind_sync.api.context import Configured, DeliveryId
from fairmind_sync.api.problems import ProblemRoute
from fairmind_sync.api.schemas import (
    AttemptOut,
    DeliveryOut,
    DeliveryResponse,
    DiscardRequest,
    ProviderResponse,
    ResultOut,
    ResultsResponse,
    RunsResponse,
    Status,
    TriedDelivery,
)
from fairmind_sync.database import reading
from fairmind_sync.lookup import LARGEST_ID, DeliveryRecord, RunFilter
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.settings import Settings

router = APIRouter(route_class=ProblemRoute)


def _written_out(value: str) -> str:
    """A bare number, too, would be taken: as seconds since 1970."""
    if value[4:5] != "-":
        raise ValueError("must be written like 2026-01-31T00:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is no date in UTC") from None


Since = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
Text = Annotated[str | None, Query(max_length=500)]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    404: {"description": "unknown delivery"},
    409: {"description": "its status doesn't allow that"},
}


@router.get("/runs")
def runs(
    configured: Configured,
    test_id: Text = None,
    model_id: Text = None,
    provider: ProviderName | None = None,
    status: Status | None = None,
    since: Annotated[
        Since | None,
        Query(description="saved then or later", examples=["2026-01-31T00:00:00Z"]),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[
        int | None, Query(ge=1, le=LARGEST_ID, description="`next_cursor` of the page before")
    ] = None,
) -> RunsResponse:
    """Deliveries and their runs, newest first."""
    wanted = RunFilter(
        test_id=test_id,
        model_id=model_id,
        provider=provider,
        status=status,
        since=since,
        before=cursor,
    )
    found = operations.find(configured, wanted, limit + 1)
    page = found[:limit]
    return RunsResponse(
        runs=[DeliveryOut.model_validate(delivery) for delivery in page],
        next_cursor=page[-1].id if len(found) > limit else None,
    )


@router.get("/results/{test_id:path}", responses={404: {"description": "unknown test"}})
def results(
    test_id: str,
    configured: Configured,
    user_id: Annotated[str | None, Query(max_length=500, description="only this user's")] = None,
) -> ResultsResponse:
    """A result with its deliveries and each of their attempts; all revisions, newest first."""
    with reading(schema.ready_engine(configured.database_url)) as connection:
        found = records.revisions(connection, test_id, user_id)
        tried = {
            id_: [
                _tried(delivery, lookup.attempts(connection, delivery.id))
                for delivery in lookup.deliveries(connection, RunFilter(result_id=id_))
            ]
            for id_, _, _ in found
        }
    if not found:
        raise HTTPException(404, f"no result of a test {test_id!r} is saved here")
    return ResultsResponse(
        results=[
            ResultOut(**record, revision=revision, deliveries=tried[id_])
            for id_, revision, record in found
        ]
    )


@router.post("/deliveries/{delivery_id}/retry", responses=_CONFLICT)
def retry(delivery_id: DeliveryId, configured: Configured) -> DeliveryResponse:
    """Returns a dead delivery to pending; its attempts count from the start again."""
    before = _delivery(configured, delivery_id)
    if not operations.retry(configured, [delivery_id]):
        raise HTTPException(
            409, f"delivery {delivery_id} is {before.status}: only a dead one can be retried"
        )
    return _changed(configured, delivery_id)


@router.post("/deliveries/{delivery_id}/discard", responses=_CONFLICT)
def discard(
    delivery_id: DeliveryId, body: DiscardRequest, configured: Configured
) -> DeliveryResponse:
    """Gives a delivery up that is dead or pending, with a reason."""
    before = _delivery(configured, delivery_id)
    if not operations.discard(configured, [delivery_id], body.reason):
        state = "being sent at this moment" if before.status == "pending" else before.status
        raise HTTPException(409, f"delivery {delivery_id} is {state}: it can't be discarded")
    return _changed(configured, delivery_id)


@router.post("/providers/{provider}/pause")
def pause(provider: ProviderName, configured: Configured) -> ProviderResponse:
    """Holds its deliveries back; what is under way ends as it would."""
    operations.pause(configured, provider)
    return _provider(configured, provider)


@router.post("/providers/{provider}/resume")
def resume(provider: ProviderName, configured: Configured) -> ProviderResponse:
    """Ends a pause; an offline or blocked provider is tried again at once."""
    operations.resume(configured, provider)
    return _provider(configured, provider)


def _tried(delivery: DeliveryRecord, attempts: list[lookup.Attempt]) -> TriedDelivery:
    shown = DeliveryOut.model_validate(delivery)
    log = [AttemptOut.model_validate(attempt) for attempt in attempts]
    return TriedDelivery(**shown.model_dump(), attempt_log=log)


def _delivery(configured: Settings, delivery_id: int) -> DeliveryRecord:
    found = operations.find(configured, RunFilter(delivery_id=delivery_id))
    if not found:
        raise HTTPException(404, f"there is no delivery {delivery_id}")
    return found[0]


def _changed(configured: Settings, delivery_id: int) -> DeliveryResponse:
    delivery = _delivery(configured, delivery_id)
    return DeliveryResponse(delivery=DeliveryOut.model_validate(delivery))


def _provider(configured: Settings, provider: ProviderName) -> ProviderResponse:
    with reading(schema.ready_engine(configured.database_url)) as connection:
        found = provider_state.read(connection, provider)
    return ProviderResponse(
        provider=provider,
        state=found.state,  # type: ignore[arg-type]  # the table's CHECK allows no other
        paused=found.is_paused,
        reason=found.reason,
    )
