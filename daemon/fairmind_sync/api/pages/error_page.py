"""Answers errors: a person who looks at a page gets an HTML page, a program problem details."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fairmind_sync.api.context import settings_of
from fairmind_sync.api.pages.rendering import render
from fairmind_sync.api.problems import answer_error

if TYPE_CHECKING:
    from fastapi import Request, Response


async def answer(request: Request, error: Exception) -> Response:
    """Answers an error that has an answer, and raises any other."""
    told = await answer_error(request, error)
    if not _is_of_a_page(request):
        return told
    problem = json.loads(bytes(told.body))
    words = {"title": problem["title"], "detail": _detail(problem)}
    page = render(request, "problem.html", settings_of(request), told.status_code, **words)
    for name in ("Retry-After", "Allow"):
        if name in told.headers:
            page.headers[name] = told.headers[name]
    return page


def _detail(problem: dict[str, Any]) -> str:
    """Returns what there is to say beside the title, which a framework's own errors only repeat."""
    if problem["detail"] != problem["title"]:
        return str(problem["detail"])
    return "There is no such page." if problem["status"] == HTTPStatus.NOT_FOUND else ""


def _is_of_a_page(request: Request) -> bool:
    is_api = request.url.path.startswith(("/api/", "/static/"))
    return not is_api and "text/html" in request.headers.get("accept", "")
