"""What attack tests share: the application under guard, and requests that no decent client sends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.datastructures import Headers

from fairmind_sync.api import create_app

if TYPE_CHECKING:
    from starlette.types import Message

    from fairmind_sync.settings import Settings

API = "/api/v1/mlops"
TOKEN = "correct-horse-battery"  # noqa: S105 no secret
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def with_token(configured: Settings, token: str = TOKEN) -> Settings:
    return configured.model_copy(update={"api_token": SecretStr(token)})


def client_of(configured: Settings, base_url: str = "http://localhost") -> TestClient:
    """Follows no redirect, and answers 500 where the application fails."""
    return TestClient(
        create_app(configured),
        base_url=base_url,
        raise_server_exceptions=False,
        follow_redirects=False,
    )


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    text: str


def ask(configured: Settings, path: str, *headers: tuple[str, str], method: str = "GET") -> Answer:
    """One request as it stands: no header is added, and no path made decent."""
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(target),
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    with suppress(Exception):  # it was answered 500 before it was raised again
        asyncio.run(create_app(configured)(scope, receive, send))
    start, *rest = sent
    text = b"".join(part.get("body", b"") for part in rest).decode()
    return Answer(start["status"], Headers(raw=start["headers"]), text)
