"""Endpoints for orchestrators and Prometheus: /healthz (alive),
/readyz (can save, has a daemon), /metrics.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from fairmind_sync.api import refusals
from fairmind_sync.api.context import CurrentSettings, open_store
from fairmind_sync.api.metrics import DatabaseCollector
from fairmind_sync.api.problems import ProblemRoute
from fairmind_sync.api.schemas import Health
from fairmind_sync.api.session import tokens_of
from fairmind_sync.errors import DamagedError, DiskFullError, SchemaError, StorageError
from fairmind_sync.few_threads import run_in
from fairmind_sync.outbox import heartbeat
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import current_time, reading

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

_THREADS = 4
"""Threads for health alone: others may all wait for the database's write lock."""

router = APIRouter(route_class=ProblemRoute, tags=["health"])
_PARTS: tuple[tuple[type[StorageError], str], ...] = (
    (DiskFullError, "has no room on its disk"),
    (DamagedError, "is damaged"),
    (SchemaError, "has the schema of another version"),
)


@router.get("/healthz")
async def healthz() -> Health:
    """Answers while the process runs; checks nothing else."""
    return Health(ok=True)


@router.get("/readyz", responses={503: {"model": Health, "description": "not ready"}})
async def readyz(settings: CurrentSettings, request: Request, response: Response) -> Health:
    """Tells whether results can be saved, and whether a daemon is there to deliver results.

    Anybody may ask: only who sends the token learns more than which part isn't ready.
    """
    is_known = any(token.visitor(request.headers) for token in tokens_of(settings))
    found = await run_in("health", _THREADS, partial(_readiness, settings, is_known=is_known))
    response.status_code = 200 if found.ok else 503
    return found


def _readiness(settings: Settings, *, is_known: bool) -> Health:
    try:
        engine = open_store(settings)
        sqlite_file.require_space(engine)
        with reading(engine) as connection:
            alive = heartbeat.any_alive(connection, current_time(engine))
    except StorageError as error:
        return Health(ok=False, reason=str(error) if is_known else _part(error))
    return Health(ok=alive, reason=None if alive else "no daemon is running")


def _part(error: StorageError) -> str:
    """Returns which part isn't ready; no path, host or user, of which the error's message tells."""
    words = next((words for kind, words in _PARTS if isinstance(error, kind)), "can't be used")
    return f"the database {words}; the log and 'fairmind-sync doctor' tell more"


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "metrics"},
        503: {"description": "the database can't be read"},
    },
)
async def metrics(settings: CurrentSettings) -> Response:
    """Returns metrics in Prometheus' text format.

    All but `fairmind_sync_saves_refused_total` are read from the database: the same from every daemon.
    """
    text = await run_in("health", _THREADS, _exposition, settings)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _exposition(settings: Settings) -> bytes:
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(open_store(settings), settings.max_backlog))
    registry.register(refusals.counter())
    return generate_latest(registry)
