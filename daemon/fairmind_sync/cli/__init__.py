"""The command line, with a function for each verb. Exit codes: 0 done, 1 undelivered or wrong, 2 usage.

Verbs import what they need when they run: a worker process starts by importing this package.
"""

from __future__ import annotations

from contextlib import suppress

from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.extras import imported_with_daemon

with imported_with_daemon("The command line"):
    import typer

    from fairmind_sync.cli import command as _command
    from fairmind_sync.cli import (
        daemon_verbs,
        db_verbs,
        delivery_verbs,
        evidence_verbs,
        provider_verbs,
        result_verbs,
        standard_streams,
    )
    from fairmind_sync.cli.output import fail

__all__ = ["app", "main"]

app: typer.Typer = _command.app
for _verb in (
    daemon_verbs.run,
    daemon_verbs.drain,
    result_verbs.save,
    result_verbs.import_,
    result_verbs.backfill,
    result_verbs.report,
    provider_verbs.status,
    delivery_verbs.runs,
    delivery_verbs.url,
    delivery_verbs.explain,
    delivery_verbs.retry,
    delivery_verbs.discard,
    evidence_verbs.evidence,
    provider_verbs.pause,
    provider_verbs.resume,
    daemon_verbs.doctor,
):
    app.command(_verb.__name__.strip("_"))(_verb)
app.add_typer(db_verbs.db, name="db")
app.command("demo")(daemon_verbs.demo)


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, not a traceback."""
    standard_streams.fill()
    try:
        app()
    except FairmindSyncError as error:
        fail(_without_secrets(str(error)))
    except OSError as error:
        fail(standard_streams.trouble(error))


def _without_secrets(message: str) -> str:
    """Hides what the settings hold; an error with the settings themselves holds no value."""
    from fairmind_sync.providers.secrets import secrets_of
    from fairmind_sync.redaction import redact
    from fairmind_sync.settings import current_settings

    with suppress(FairmindSyncError):
        return redact(message, secrets_of(current_settings()))
    return message
