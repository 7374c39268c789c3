"""What the guard itself answers: for static files, and for an application that fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from starlette.datastructures import Headers

from fairmind_sync.api import body_limits
from fairmind_sync.api.guard import Guard
from fairmind_sync.settings import Settings
from tests.security.attack import client_of, with_token

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


@pytest.fixture
def guarded(configured: Settings) -> Settings:
    return with_token(configured)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/static/page.css", 200), ("/static", 401), ("/staticpage.css", 401), ("/x/static/", 401)],
)
def test_without_the_token_static_gives_its_own_files_only(
    guarded: Settings, path: str, status: int
) -> None:
    assert client_of(guarded).get(path).status_code == status


def test_a_stranger_can_not_fill_the_memory_at_static_files(guarded: Settings) -> None:
    reply = client_of(guarded).post(
        "/static/page.css", content=b"x" * (body_limits.LARGEST_OPEN_BODY + 1)
    )
    assert reply.status_code == 413


def answers(configured: Settings, *begun: Message) -> list[Message]:
    """What is sent for a request whose application sends this and fails then."""
    sent: list[Message] = []

    async def fail(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in begun:
            await send(message)
        raise ValueError("a bug")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def note(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "headers": [(b"host", b"localhost")],
        "query_string": b"",
    }
    with pytest.raises(ValueError, match="a bug"):
        asyncio.run(Guard(fail, configured)(scope, receive, note))
    return sent


def test_an_error_before_the_answer_is_answered_with_our_headers(configured: Settings) -> None:
    start, *_ = answers(configured)
    headers = Headers(raw=start["headers"])
    assert (start["status"], headers["x-content-type-options"]) == (500, "nosniff")


def test_an_error_in_the_middle_of_an_answer_gets_no_second_one(configured: Settings) -> None:
    begun: Message = {"type": "http.response.start", "status": 200, "headers": []}
    assert [message["status"] for message in answers(configured, begun)] == [200]
