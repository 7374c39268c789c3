"""The interface of an HTTP client and its values: one request, one reply, or none; no client is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol


class NoReplyError(Exception):
    """A request got no reply; the error's cause says why."""


class UnusableSettingError(NoReplyError):
    """No request could begin, by a proxy's address, a file of certificates or another variable."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a server: `path` is absolute, and at most one of `json` and `content` is given.

    `apart` asks for a connection that requests without it never use.
    """

    method: str
    path: str
    params: Mapping[str, str] | None = None
    json: Mapping[str, Any] | None = None
    content: bytes | None = None
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply; `headers` are looked up whatever their case."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether the server says that it did what was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", errors="replace")


class HttpClient(Protocol):
    """Sends a request once, over kept connections."""

    def send(self, request: Request) -> Reply:
        """Returns the reply.

        Raises:
            NoReplyError: none came; UnusableSettingError, if the request could not begin.
        """
        ...
