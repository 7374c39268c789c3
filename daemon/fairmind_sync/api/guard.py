"""Decides which requests get in before any endpoint, by host, origin (cross-site), token, body and crowd;
sets the security headers of every answer.

The host must be ours (DNS rebinding), a change must come from our own page or from no page (cross-site
requests), the token must be right where one is set, the body must be small and arrive in time, and there must
be room.
"""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response

from fairmind_sync.api import body_limits, refusals
from fairmind_sync.api.body_limits import BodyError, read_body, replay_body
from fairmind_sync.api.problems import problem
from fairmind_sync.api.request_limits import Room, crowded, skip_body
from fairmind_sync.api.session import Visitor, tokens_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fairmind_sync.settings import Settings

OPEN = ("/healthz", "/readyz", "/sign-in")
"""Paths that need no token."""
_SESSIONS = ("/sign-in", "/sign-out")
"""Where a session begins and ends, whatever it may do."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^][:@/?#\\\s]+)(?::\d*)?", re.IGNORECASE)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """The ASGI middleware that applies the rules above."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._tokens = tokens_of(settings)
        self._hosts = _our_names(settings)
        self._room = Room()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        with self._room.place(scope["path"]) as has_place:
            if has_place:
                await self._admit(scope, receive, send)
                return
        _note(scope, refusals.CROWDED)
        await skip_body(receive)
        await crowded()(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            _note(scope, refusals.NOT_ADMITTED)
            await refusal(scope, receive, send)
            return
        try:
            body = await read_body(headers, receive, self._largest_body(scope))
        except BodyError as error:
            _note(scope, refusals.reason_of(error))
            closing = {"Connection": "close"}
            await problem(error.status, str(error), closing)(scope, receive, send)
            return
        await self._answer(scope, replay_body(body, receive), send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers an unforeseen error here: Starlette would answer outside, without our headers."""
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            if not has_begun:
                await problem(500, "a mistake of ours; the log tells")(scope, receive, send)
            raise

    def _largest_body(self, scope: Scope) -> int:
        is_stranger = bool(self._tokens) and _is_open(scope["path"])
        return body_limits.LARGEST_OPEN_BODY if is_stranger else body_limits.LARGEST_BODY

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return problem(
                421,
                f"this server is not {host!r}. Add the name to FAIRMIND_SYNC_API_ALLOWED_HOSTS if it is.",
            )
        if scope["method"] not in _SAFE and _is_cross_site(headers, host):
            return problem(403, "a page of another site may not change anything here")
        if (visitor := self._visitor(headers)) is not None:
            scope.setdefault("state", {})["visitor"] = visitor
            return None if _is_allowed(visitor, scope) else _only_looking()
        if _is_open(scope["path"]):
            return None
        if _is_for_a_page(scope, headers):
            return RedirectResponse(f"/sign-in?back={quote(_target(scope), safe='')}", 303)
        return problem(
            401,
            "send FAIRMIND_SYNC_API_TOKEN as a bearer token, or sign in at /sign-in",
            {"WWW-Authenticate": "Bearer"},
        )

    def _visitor(self, headers: Headers) -> Visitor | None:
        """Returns who sends the request; whoever reaches the API without tokens is let in."""
        found = (token.visitor(headers) for token in self._tokens)
        return next(filter(None, found), None) if self._tokens else Visitor()

    def _is_ours(self, host: str) -> bool:
        """Returns whether the host is ours; an address in numbers is, as DNS rebinding needs a name."""
        found = _HOST.fullmatch(host)
        name = found[1].strip("[]").lower() if found else ""
        return bool(name) and (name in self._hosts or "*" in self._hosts or _is_address(name))


def _note(scope: Scope, reason: str) -> None:
    """Counts a refusal if it is one of a save."""
    if scope["method"] == "POST" and scope["path"] == refusals.SAVE:
        refusals.count(reason)


def _our_names(settings: Settings) -> frozenset[str]:
    names = {"localhost", settings.api_host, socket.gethostname(), *settings.api_allowed_hosts}
    return frozenset(name.lower() for name in names)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/static/")


def _is_allowed(visitor: Visitor, scope: Scope) -> bool:
    return visitor.may_change or scope["method"] in _SAFE or scope["path"] in _SESSIONS


def _only_looking() -> Response:
    said = "FAIRMIND_SYNC_API_READ_TOKEN may look, not act: act with FAIRMIND_SYNC_API_TOKEN"
    return problem(403, said)


def _is_cross_site(headers: Headers, host: str) -> bool:
    """Returns whether a page of another site sent this, by headers that browsers add and programs don't."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != host.lower()


def _is_for_a_page(scope: Scope, headers: Headers) -> bool:
    """Returns whether a browser asks for a page, so that a person can sign in."""
    is_api = scope["path"].startswith("/api/")
    return scope["method"] == "GET" and not is_api and "text/html" in headers.get("accept", "")


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
