"""REST endpoints beyond FairMind's document: lists of runs, a result with deliveries and attempts; retry,
discard, pause, resume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from fairmind_sync.api.context import CurrentActor, DeliveryId, KnownProvider, Store
from fairmind_sync.api.problems import ProblemRoute
from fairmind_sync.api.runs_query import RunsQuery
from fairmind_sync.api.schemas import (
    AttemptOut,
    DeliveryOut,
    DeliveryResponse,
    DiscardRequest,
    ProviderResponse,
    ResultOut,
    ResultsResponse,
    RunsResponse,
    TriedDelivery,
)
from fairmind_sync.operating import actions
from fairmind_sync.outbox import attempt_lookup, delivery_lookup, provider_state, result_lookup
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter, find
from fairmind_sync.storage.engine import reading

if TYPE_CHECKING:
    from sqlalchemy import Engine

router = APIRouter(route_class=ProblemRoute)


_CONFLICT: dict[int | str, dict[str, Any]] = {
    404: {"description": "unknown delivery"},
    409: {"description": "its status doesn't allow that"},
}


@router.get("/runs")
def runs(engine: Store, query: Annotated[RunsQuery, Query()]) -> RunsResponse:
    """Returns deliveries and their runs, newest first."""
    found = find(engine, query.run_filter(), query.limit + 1)
    page = found[: query.limit]
    return RunsResponse(
        runs=[DeliveryOut.model_validate(delivery) for delivery in page],
        next_cursor=page[-1].id if len(found) > query.limit else None,
    )


@router.get("/results/{test_id:text}", responses={404: {"description": "unknown test"}})
def results(
    test_id: str,
    engine: Store,
    user_id: Annotated[str | None, Query(max_length=500, description="only this user's")] = None,
) -> ResultsResponse:
    """Returns each revision of a result, newest first, with its deliveries and their attempts."""
    with reading(engine) as connection:
        found = result_lookup.revisions(connection, test_id, user_id)
        tried = {
            id_: [
                _tried(delivery, attempt_lookup.attempts(connection, delivery.id))
                for delivery in delivery_lookup.deliveries(connection, RunFilter(result_id=id_))
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
def retry(delivery_id: DeliveryId, engine: Store, by: CurrentActor) -> DeliveryResponse:
    """Returns a dead delivery to pending; its attempts count from the start again."""
    before = _delivery(engine, delivery_id)
    if not actions.retry(engine, [delivery_id], by):
        raise HTTPException(
            409, f"delivery {delivery_id} is {before.status}: only a dead one can be retried"
        )
    return _changed(engine, delivery_id)


@router.post("/deliveries/{delivery_id}/discard", responses=_CONFLICT)
def discard(
    delivery_id: DeliveryId, body: DiscardRequest, engine: Store, by: CurrentActor
) -> DeliveryResponse:
    """Gives a delivery up that is dead or pending, with a reason."""
    before = _delivery(engine, delivery_id)
    if not actions.discard(engine, [delivery_id], body.reason, by):
        state = "being sent at this moment" if before.status == "pending" else before.status
        raise HTTPException(409, f"delivery {delivery_id} is {state}: it can't be discarded")
    return _changed(engine, delivery_id)


@router.post("/providers/{provider}/pause")
def pause(provider: KnownProvider, engine: Store, by: CurrentActor) -> ProviderResponse:
    """Holds the provider's deliveries back; deliveries under way end as they would."""
    actions.pause(engine, provider, by)
    return _provider(engine, provider)


@router.post("/providers/{provider}/resume")
def resume(provider: KnownProvider, engine: Store, by: CurrentActor) -> ProviderResponse:
    """Ends a pause; an offline or blocked provider is tried again at once."""
    actions.resume(engine, provider, by)
    return _provider(engine, provider)


def _tried(delivery: DeliveryRecord, attempts: list[attempt_lookup.Attempt]) -> TriedDelivery:
    shown = DeliveryOut.model_validate(delivery)
    log = [AttemptOut.model_validate(attempt) for attempt in attempts]
    return TriedDelivery(**shown.model_dump(), attempt_log=log)


def _delivery(engine: Engine, delivery_id: int) -> DeliveryRecord:
    found = find(engine, RunFilter(delivery_id=delivery_id))
    if not found:
        raise HTTPException(404, f"there is no delivery {delivery_id}")
    return found[0]


def _changed(engine: Engine, delivery_id: int) -> DeliveryResponse:
    delivery = _delivery(engine, delivery_id)
    return DeliveryResponse(delivery=DeliveryOut.model_validate(delivery))


def _provider(engine: Engine, provider: str) -> ProviderResponse:
    with reading(engine) as connection:
        found = provider_state.read(connection, provider)
    return ProviderResponse(
        provider=provider,
        state=found.state,  # type: ignore[arg-type]  # the table's CHECK allows no other
        paused=found.is_paused,
        reason=found.reason,
    )
