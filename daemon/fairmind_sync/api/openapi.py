"""Makes the OpenAPI document (openapi.json): FastAPI's, with every error as a problem, and summaries."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from fairmind_sync.api.guard import OPEN
from fairmind_sync.api.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

_METHODS = ("get", "post")
_ALWAYS = {
    "400": "the request is malformed",
    "408": "the request came too slowly",
    "421": "the Host header is not one of ours",
    "503": "the database can't be used",
}
_CHANGES = {
    "403": "a page of another site sent it, or the token may only look",
    "413": "the body is too large",
}
_OWN_BODY = {("/readyz", "503")}
"""Error answers that have the endpoint's own schema instead of a problem's."""


def describe(app: FastAPI, *, has_token: bool) -> dict[str, Any]:
    """Returns the app's document, which is made once and kept by the app, as FastAPI does."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(app, has_token=has_token)
    return app.openapi_schema


def _described(app: FastAPI, *, has_token: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, method, operation in _operations(document):
        _say_what_it_does(operation)
        needs_token = has_token and path not in OPEN
        _add_problems(operation["responses"], path, method, needs_token=needs_token)
        if has_token and not needs_token:
            operation["security"] = []
    if has_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _say_what_it_does(operation: dict[str, Any]) -> None:
    """Puts the first sentence of the endpoint's description in the place of its function's name."""
    first, _, _ = operation["description"].partition("\n\n")
    operation["summary"] = " ".join(first.split())


def _add_problems(responses: dict[str, Any], path: str, method: str, *, needs_token: bool) -> None:
    common = _ALWAYS | (_CHANGES if method == "post" else {})
    if needs_token:
        common |= {"401": "the token is missing or wrong"}
    for status, description in common.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if int(status) >= HTTPStatus.BAD_REQUEST and (path, status) not in _OWN_BODY:
            schema = {"$ref": "#/components/schemas/Problem"}
            response["content"] = {MEDIA_TYPE: {"schema": schema}}
