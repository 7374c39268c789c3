"""The document's endpoints. Everything is answered from the local database."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, HTTPException, Response

from fairmind_sync import bias_test_results, lookup, mlops_integration, schema
from fairmind_sync.api.context import Configured
from fairmind_sync.api.problems import ProblemRoute
from fairmind_sync.api.schemas import (
    IntegrationStatus,
    LogTestRequest,
    LogTestResponse,
    ProviderLog,
    RunUrlResponse,
    StatusResponse,
)
from fairmind_sync.database import reading
from fairmind_sync.errors import BacklogFullError, NoProviderError
from fairmind_sync.models import DELIVERED
from fairmind_sync.provider_names import ProviderName

if TYPE_CHECKING:
    from fairmind_sync.lookup import DeliveryRecord
    from fairmind_sync.saving import Saved
    from fairmind_sync.settings import Settings

router = APIRouter(route_class=ProblemRoute)

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="the same request may be sent again under the same key for a day: it is saved once",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]


@router.get("/status")
def status(configured: Configured) -> StatusResponse:
    """Which providers are enabled, and where they send."""
    return StatusResponse(
        success=True,
        status=IntegrationStatus.model_validate(mlops_integration.status_of(configured)),
        enabled=bool(configured.enabled),
    )


@router.post(
    "/log-test",
    response_model_exclude_none=True,
    responses={
        202: {"model": LogTestResponse, "description": "saved; not delivered within `wait`"},
        400: {"description": "no provider is enabled, or the body is no JSON"},
        413: {"description": "the body is too large"},
        429: {"description": "too many deliveries are pending"},
        503: {"description": "the database can't take it"},
    },
)
async def log_test(
    body: LogTestRequest,
    configured: Configured,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> LogTestResponse:
    """Saves the result, then waits for its delivery; 202 when the wait ran out."""
    if not configured.enabled:
        raise NoProviderError
    saved = await asyncio.to_thread(_save, body, configured, idempotency_key)
    found = await _settled(saved, configured, body.wait)
    answer = _answer(found)
    response.status_code = 202 if answer.status == "pending" else 200
    return answer


@router.get("/run-url/{provider}/{run_id:path}", responses={404: {"description": "unknown run"}})
def run_url(provider: ProviderName, run_id: str, configured: Configured) -> RunUrlResponse:
    """The run's URL as recorded at its delivery; works with the provider away."""
    with reading(schema.ready_engine(configured.database_url)) as connection:
        found = lookup.delivery_by_run(connection, provider, run_id)
    if found is None:
        raise HTTPException(404, f"no {provider} run {run_id!r} was delivered from here")
    return RunUrlResponse(success=True, provider=provider, run_id=run_id, url=found.run_url)


def _save(body: LogTestRequest, configured: Settings, key: str | None) -> Saved:
    new = bias_test_results.prepare(
        body.test_id,
        body.user_id,
        body.model_id,
        body.dataset_id,
        body.test_type,
        body.results,
        body.metadata,
        configured=configured,
    )
    _require_room(configured)
    if key is not None:
        return bias_test_results.save_once(new, configured, key)
    (saved,) = bias_test_results.save_all([new], configured)
    return saved


def _require_room(configured: Settings) -> None:
    with reading(schema.ready_engine(configured.database_url)) as connection:
        if configured.max_backlog and lookup.is_backlog_full(connection, configured.max_backlog):
            raise BacklogFullError


async def _settled(saved: Saved, configured: Settings, wait: float) -> list[DeliveryRecord]:
    deadline = time.monotonic() + wait
    while True:
        found = await asyncio.to_thread(mlops_integration.deliveries_of, saved, configured)
        if mlops_integration.is_settled(found) or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(mlops_integration.POLL_SECONDS)


def _answer(found: list[DeliveryRecord]) -> LogTestResponse:
    entries = mlops_integration.logging_status(found)
    delivered = bool(found) and all(delivery.status == DELIVERED for delivery in found)
    settled = mlops_integration.is_settled(found)
    return LogTestResponse(
        success=delivered,
        status="delivered" if delivered else "failed" if settled else "pending",
        logging_status={
            provider: ProviderLog.model_validate(entry) for provider, entry in entries.items()
        },
    )
