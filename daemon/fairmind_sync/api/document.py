"""REST endpoints of FairMind's document: status, log-test (saves,
refuses when the backlog is full, waits), run-url.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, HTTPException, Response

from fairmind_sync import tracing
from fairmind_sync.api.context import (
    CurrentSettings,
    CurrentWaitingRoom,
    KnownProvider,
    Store,
    open_store,
)
from fairmind_sync.api.problems import ProblemRoute
from fairmind_sync.api.refusals import SaveRoute
from fairmind_sync.api.schemas import (
    IntegrationStatus,
    LogTestRequest,
    LogTestResponse,
    ProviderLog,
    RunUrlResponse,
    StatusResponse,
)
from fairmind_sync.errors import BacklogFullError, NoProviderError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.intake.save import save_all, save_once
from fairmind_sync.intake.timestamps import when_tested
from fairmind_sync.intake.wait import DeliveryWait, is_settled, logging_status, wait_until_over
from fairmind_sync.outbox import delivery_lookup, workload
from fairmind_sync.providers.destinations import integration_status
from fairmind_sync.results.states import DELIVERED
from fairmind_sync.storage.engine import reading

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
    from fairmind_sync.outbox.saving import Saved
    from fairmind_sync.settings import Settings

router = APIRouter(route_class=ProblemRoute)
_saves = APIRouter(route_class=SaveRoute)

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="the same request may be sent again under the same key for a day: it is saved once",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]

TraceParent = Annotated[
    str | None,
    Header(
        description="W3C trace context: where traces are wanted, the save is linked to this span",
        examples=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ),
]


@router.get("/status")
def status(settings: CurrentSettings) -> StatusResponse:
    """Returns which providers are enabled, and where each sends results."""
    return StatusResponse(
        success=True,
        status=IntegrationStatus.model_validate(integration_status(settings)),
        enabled=bool(settings.owed),
    )


@_saves.post(
    "/log-test",
    response_model_exclude_none=True,
    responses={
        202: {"model": LogTestResponse, "description": "saved; not delivered within `wait`"},
        400: {"description": "no provider is enabled, or the body is no JSON"},
        413: {"description": "the body is too large"},
        429: {"description": "too many deliveries are pending"},
        503: {"description": "the database can't take it, or too many requests come at once"},
    },
)
async def log_test(
    body: LogTestRequest,
    settings: CurrentSettings,
    waiting_room: CurrentWaitingRoom,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    traceparent: TraceParent = None,
) -> LogTestResponse:
    """Saves the result, then waits for its delivery.

    202 when the wait ran out, or is cut short: no daemon is alive, the provider is offline, blocked or
    paused, or too many requests wait.
    """
    if not settings.owed:
        raise NoProviderError
    engine = await asyncio.to_thread(open_store, settings)
    saved = await asyncio.to_thread(_save, body, engine, settings, idempotency_key, traceparent)
    waiting = DeliveryWait(engine, saved, settings.owed, body.wait)
    with waiting_room.place() as place:
        await wait_until_over(waiting, lambda: place.is_over)
    answer = _answer(waiting.found)
    response.status_code = 202 if answer.status == "pending" else 200
    return answer


router.include_router(_saves)


@router.get("/run-url/{provider}/{run_id:path}", responses={404: {"description": "unknown run"}})
def run_url(provider: KnownProvider, run_id: str, engine: Store) -> RunUrlResponse:
    """Returns the run's URL as recorded at its delivery, also while the provider is away."""
    with reading(engine) as connection:
        found = delivery_lookup.delivery_by_run(connection, provider, run_id)
    if found is None:
        raise HTTPException(404, f"no {provider} run {run_id!r} was delivered from here")
    return RunUrlResponse(success=True, provider=provider, run_id=run_id, url=found.run_url)


def _save(
    body: LogTestRequest, engine: Engine, settings: Settings, key: str | None, caller: str | None
) -> Saved:
    new = prepare(
        body.test_id,
        body.user_id,
        body.model_id,
        body.dataset_id,
        body.test_type,
        body.results,
        body.metadata,
        private_fields=settings.private_fields,
        created_at=when_tested(body.timestamp),
    )
    _require_room(engine, settings)
    with tracing.current().called_by(caller):
        if key is not None:
            return save_once(engine, new, settings.owed, key)
        (saved,) = save_all(engine, [new], settings.owed)
        return saved


def _require_room(engine: Engine, settings: Settings) -> None:
    settings.require("max_backlog")
    with reading(engine) as connection:
        if settings.max_backlog and workload.is_backlog_full(connection, settings.max_backlog):
            raise BacklogFullError


def _answer(found: list[DeliveryRecord]) -> LogTestResponse:
    entries = logging_status(found)
    delivered = bool(found) and all(delivery.status == DELIVERED for delivery in found)
    settled = is_settled(found)
    return LogTestResponse(
        success=delivered,
        status="delivered" if delivered else "failed" if settled else "pending",
        logging_status={
            provider: ProviderLog.model_validate(entry) for provider, entry in entries.items()
        },
    )
