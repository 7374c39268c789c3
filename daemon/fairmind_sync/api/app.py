"""Builds the FastAPI application: guard, endpoints, pages, static files, answers to errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from fairmind_sync import __version__
from fairmind_sync.api import health
from fairmind_sync.api.endpoints import router
from fairmind_sync.api.guard import Guard
from fairmind_sync.api.head_requests import HeadAsGet
from fairmind_sync.api.openapi import describe
from fairmind_sync.api.pages import error_page, routes
from fairmind_sync.errors import FairmindSyncError

if TYPE_CHECKING:
    import os

    from fairmind_sync.settings import Settings

STATIC = Path(__file__).parent / "static"


def create_app(settings: Settings) -> FastAPI:
    """Returns the REST API and the status page on the settings' database, guarded as the settings say."""
    app = FastAPI(
        title="fairmind-sync",
        version=__version__,
        description="Bias-test results on their way to Weights & Biases and MLflow.",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere; ours work air-gapped
        redoc_url=None,
    )
    app.state.settings = settings
    app.include_router(router)
    app.include_router(health.router)
    app.include_router(routes.router)
    app.mount("/static", _Files(directory=STATIC), name="static")
    for kind in (FairmindSyncError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, error_page.answer)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Guard, settings=settings)
    app.openapi = lambda: describe(app, has_token=settings.api_token is not None)  # type: ignore[method-assign]  # FastAPI's own way
    return app


class _Files(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Finds no file whose name holds a null byte, which Starlette's older versions ask the system for."""
        return ("", None) if "\0" in path else super().lookup_path(path)
