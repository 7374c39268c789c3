"""Sends one event to the webhook's address by HTTP POST, signed
as Standard Webhooks says; tells what came back.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from fairmind_sync import __version__
from fairmind_sync.text import words_of

if TYPE_CHECKING:
    from datetime import datetime

    from fairmind_sync.settings import Settings

SECRET_BEGINS = "whsec_"  # noqa: S105 how a secret begins, as Standard Webhooks has it
_TIMEOUT_S = 10
_MOST_SAID = 300


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """What came back: `trouble` is why the event was not taken, None where it was.

    `said` is the beginning of the answer, where it was read.
    """

    trouble: str | None
    status: int | None = None
    said: str = ""


def post(
    settings: Settings, message_id: str, body: str, sent_at: datetime, *, reads_answer: bool = False
) -> WebhookReply:
    """Sends the event; whatever goes wrong is in the reply, which holds no part of the address."""
    url = settings.webhook_url
    if url is None:
        return WebhookReply("FAIRMIND_SYNC_WEBHOOK_URL is not set any more")
    content = body.encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"fairmind-sync/{__version__}"}
    headers |= _signature(settings, message_id, int(sent_at.timestamp()), content)
    try:
        request = Request(url.get_secret_value(), content, headers, method="POST")  # noqa: S310 checked: http(s)
        with build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S) as answer:
            return WebhookReply(None, answer.status, _said(answer) if reads_answer else "")
    except HTTPError as error:
        said = _said(error) if reads_answer else ""
        return WebhookReply(f"the receiver answered {error.code}", error.code, said)
    except (URLError, HTTPException, OSError) as error:
        return WebhookReply(f"the receiver can't be reached: {getattr(error, 'reason', error)}")


def _said(answer: HTTPResponse | HTTPError) -> str:
    with suppress(HTTPException, OSError):
        return words_of(answer.read(_MOST_SAID).decode("utf-8", "replace"))
    return ""


def _signature(settings: Settings, message_id: str, sent_at: int, body: bytes) -> dict[str, str]:
    """Returns the headers of Standard Webhooks; without a signature where there is no secret."""
    named = {"webhook-id": message_id, "webhook-timestamp": str(sent_at)}
    secret = settings.webhook_secret
    if secret is None:
        return named
    key = b64decode(secret.get_secret_value().removeprefix(SECRET_BEGINS))
    signed = f"{message_id}.{sent_at}.".encode() + body
    digest = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return named | {"webhook-signature": f"v1,{digest}"}


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: a POST that is redirected would become a GET, and be taken for delivered."""

    def redirect_request(self, *_arguments: object) -> None:
        return None
