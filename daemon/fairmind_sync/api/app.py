"""Builds the application; nothing happens at import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from fairmind_sync import __version__
from fairmind_sync.api.routes import router
from fairmind_sync.errors import FairmindSyncError, PayloadError, StorageError

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The API over the settings' database."""
    app = FastAPI(
        title="fairmind-sync",
        version=__version__,
        description="Bias-test results on their way to Weights & Biases and MLflow.",
    )
    app.state.settings = settings
    app.include_router(router, prefix="/api/v1/mlops")
    app.add_exception_handler(FairmindSyncError, _answer_error)
    return app


async def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"success": False, "detail": str(error)}, _status_of(error))


def _status_of(error: Exception) -> int:
    match error:
        case PayloadError():
            return 422
        case StorageError():
            return 503
        case _:
            return 500
