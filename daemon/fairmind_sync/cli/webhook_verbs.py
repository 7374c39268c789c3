"""The verb webhook test, which sends a test event."""

from __future__ import annotations

import json
import secrets
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from fairmind_sync.cli.command import AsJson, current_settings, opened
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.errors import FairmindSyncError

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

webhook = typer.Typer(help="The webhook: test.", no_args_is_help=True)


@webhook.command("test")
def try_it(*, as_json: AsJson = False) -> None:
    """Send a test event, signed as events are, and say what came back; exit 1 if it was not taken.

    Example: fairmind-sync webhook test
    """
    from fairmind_sync.clock import utc_now
    from fairmind_sync.daemon.webhook_request import post
    from fairmind_sync.providers.secrets import secrets_of
    from fairmind_sync.redaction import redact
    from fairmind_sync.settings import OF_THE_WEBHOOK

    settings = current_settings()
    settings.require(*OF_THE_WEBHOOK)
    if settings.webhook_url is None:
        fail("no webhook is set, so nobody is told anything. Set FAIRMIND_SYNC_WEBHOOK_URL.")
    id_ = secrets.token_hex(16)
    now, began = utc_now(), time.monotonic()
    event = {
        "id": id_,
        "type": "webhook.test",
        "timestamp": now.isoformat(),
        "text": f"A test of fairmind-sync's webhook, from {socket.gethostname()}. Nothing happened.",
        "data": {"url": settings.public_url},
    }
    reply = post(settings, f"fairmind_sync_{id_}", json.dumps(event), now, reads_answer=True)
    seconds = round(time.monotonic() - began, 2)
    if not reply.trouble:
        _note(settings, id_)
    hidden = secrets_of(settings)
    trouble, said = redact(reply.trouble or "", hidden), redact(reply.said, hidden)
    is_signed = settings.webhook_secret is not None
    if as_json:
        told = {"taken": not trouble, "status": reply.status, "reason": trouble or None}
        print_json(told | {"said": said, "signed": is_signed, "seconds": seconds})
    else:
        sent = "signed" if is_signed else "unsigned, as FAIRMIND_SYNC_WEBHOOK_SECRET is not set"
        outcome = trouble or f"the receiver took it, and answered {reply.status}"
        say(f"sent a test event, {sent}: {outcome}, after {seconds} s")
        if said:
            say(f"it said: {said}")
    raise typer.Exit(1 if trouble else 0)


def _note(settings: Settings, id_: str) -> None:
    """Has `doctor` know of the event, where the database can be used; a test doesn't need one."""
    from fairmind_sync.outbox import webhook_events
    from fairmind_sync.storage.engine import current_time, writing

    with suppress(FairmindSyncError):
        engine = opened(settings)
        with writing(engine) as connection:
            webhook_events.note_test(connection, id_, current_time(engine))
