"""The page /docs: Swagger UI of the REST API from its package, nothing fetched from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from fairmind_sync.api.context import CurrentSettings
from fairmind_sync.api.pages.rendering import render

router = APIRouter(include_in_schema=False)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Swagger UI writes styles into its page, and draws its signs from data URLs."""


@router.get("/docs")
def docs(request: Request, settings: CurrentSettings) -> HTMLResponse:
    page = render(request, "docs.html", settings)
    page.headers["Content-Security-Policy"] = _POLICY
    return page


@router.get("/docs/swagger-ui-bundle.js")
def script() -> FileResponse:
    return _asset("swagger-ui-bundle.js", "text/javascript")


@router.get("/docs/swagger-ui.css")
def style() -> FileResponse:
    return _asset("swagger-ui.css", "text/css")


def _asset(name: str, media_type: str) -> FileResponse:
    place = files("fastapi_swagger") / "resources" / name
    kept = {"Cache-Control": "private, max-age=3600"}
    return FileResponse(str(place), media_type=media_type, headers=kept)
