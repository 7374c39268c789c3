"""Turns errors into RFC 9457 problem details: which error gets which HTTP status, validation errors without
their input; the same in a backend that mounts a route.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from fairmind_sync.errors import (
    BacklogFullError,
    FairmindSyncError,
    KeyReusedError,
    NoProviderError,
    PayloadError,
    StorageError,
)
from fairmind_sync.text import storable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 30
_STATUSES: tuple[tuple[type[FairmindSyncError], int], ...] = (
    (NoProviderError, 400),
    (PayloadError, 422),
    (KeyReusedError, 422),
    (BacklogFullError, 429),
    (StorageError, 503),
)


class Problem(BaseModel):
    """RFC 9457: what went wrong, for people (`detail`) and programs (`status`, `errors`)."""

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no mlflow run 'abc123' was delivered from here"])
    success: bool = False
    errors: list[dict[str, Any]] | None = Field(None, description="each field that is wrong")


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=storable(detail), **more)
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE
    )


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answers an error that has an answer, and raises any other."""
    match error:
        case RequestValidationError():
            return problem(422, _first(error), errors=_without_input(error))
        case HTTPException():
            headers = dict(error.headers) if error.headers else None
            return problem(error.status_code, str(error.detail), headers)
        case FairmindSyncError():
            status = next((code for kind, code in _STATUSES if isinstance(error, kind)), 500)
            wait = {"Retry-After": str(RETRY_AFTER_S)} if status in (429, 503) else None
            return problem(status, str(error), wait)
    raise error


class ProblemRoute(APIRoute):
    """A route that answers its own errors, so that errors look alike in a backend that mounts the route."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (RequestValidationError, HTTPException, FairmindSyncError) as error:
                self.note(error)
                return await answer_error(request, error)
            except Exception as error:
                self.note(error)
                raise

        return handle_or_answer

    def note(self, error: Exception) -> None:
        """Gets each error of the route, before its answer."""


def _first(error: RequestValidationError) -> str:
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"][1:])
    return f"{place}: {found['msg']}" if place else str(found["msg"])


def _without_input(error: RequestValidationError) -> list[dict[str, Any]]:
    """Returns the errors without what the client sent, which may be large, or secret."""
    kept = ("type", "loc", "msg")
    return [
        {key: jsonable_encoder(found[key]) for key in kept if key in found}
        for found in error.errors()
    ]
