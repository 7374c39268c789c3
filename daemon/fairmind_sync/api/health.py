"""The endpoints for orchestrators and Prometheus: alive, ready, and the metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from fairmind_sync.api.context import CurrentSettings, Store, open_store
from fairmind_sync.api.metrics import DatabaseCollector
from fairmind_sync.api.problems import ProblemRoute
from fairmind_sync.api.schemas import Health
from fairmind_sync.api.session import token_of
from fairmind_sync.errors import DamagedError, DiskFullError, SchemaError, StorageError
from fairmind_sync.outbox import heartbeat
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import current_time, reading

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
def readyz(settings: CurrentSettings, request: Request, response: Response) -> Health:
    """Tells whether results can be saved, and whether a daemon is there to deliver results.

    Anybody may ask: only who sends the token learns more than which part isn't ready.
    """
    try:
        engine = open_store(settings)
        sqlite_file.require_space(engine)
        with reading(engine) as connection:
            alive = heartbeat.any_alive(connection, current_time(engine))
        found = Health(ok=alive, reason=None if alive else "no daemon is running")
    except StorageError as error:
        token = token_of(settings)
        is_known = token is not None and token.admits(request.headers)
        found = Health(ok=False, reason=str(error) if is_known else _part(error))
    response.status_code = 200 if found.ok else 503
    return found


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
def metrics(engine: Store) -> Response:
    """Returns metrics in Prometheus' text format, read from the database: the same from every daemon."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(engine))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
