"""The document's endpoints. Everything is answered from the local database."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from fairmind_sync import bias_test_results, lookup, mlops_integration, schema
from fairmind_sync.api.schemas import (
    LogTestRequest,
    LogTestResponse,
    ProviderLog,
    RunUrlResponse,
    StatusResponse,
)
from fairmind_sync.database import reading
from fairmind_sync.errors import NoProviderError
from fairmind_sync.models import DELIVERED
from fairmind_sync.settings import ProviderName, Settings

if TYPE_CHECKING:
    from fairmind_sync.lookup import DeliveryRecord
    from fairmind_sync.saving import Saved

router = APIRouter(tags=["mlops"])


def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


Configured = Annotated[Settings, Depends(_settings)]


@router.get("/status")
def status(configured: Configured) -> StatusResponse:
    """Which providers are enabled, and where they send."""
    return StatusResponse(
        success=True,
        status=mlops_integration.status_of(configured),
        enabled=bool(configured.enabled),
    )


@router.post(
    "/log-test",
    response_model_exclude_none=True,
    responses={202: {"model": LogTestResponse}, 400: {"description": "no provider is enabled"}},
)
async def log_test(
    body: LogTestRequest, configured: Configured, response: Response
) -> LogTestResponse:
    """Saves the result, then waits for its delivery; 202 when the wait ran out."""
    if not configured.enabled:
        raise HTTPException(400, str(NoProviderError()))
    new = bias_test_results.prepare(
        body.test_id,
        body.user_id,
        body.model_id,
        body.dataset_id,
        body.test_type,
        body.results,
        body.metadata,
    )
    (saved,) = await asyncio.to_thread(bias_test_results.save_all, [new], configured)
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


async def _settled(saved: Saved, configured: Settings, wait: float) -> list[DeliveryRecord]:
    deadline = time.monotonic() + wait
    while True:
        found = await asyncio.to_thread(mlops_integration.deliveries_of, saved, configured)
        if mlops_integration.is_settled(found) or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(mlops_integration.POLL_SECONDS)


def _answer(found: list[DeliveryRecord]) -> LogTestResponse:
    entries = mlops_integration.logging_status(found)
    delivered = all(delivery.status == DELIVERED for delivery in found)
    settled = mlops_integration.is_settled(found)
    return LogTestResponse(
        success=delivered,
        status="delivered" if delivered else "failed" if settled else "pending",
        logging_status={
            provider: ProviderLog.model_validate(entry) for provider, entry in entries.items()
        },
    )
