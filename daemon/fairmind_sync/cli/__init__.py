"""The command line's entry: puts all verbs together by panel, and turns errors into one line. Exit codes: 0
done, 1 undelivered or wrong, 2 usage.

Verbs import what they need when they run: a worker process starts by importing this package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from copy import copy

from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.extras import imported_with_daemon

with imported_with_daemon("The command line"):
    import typer

    from fairmind_sync.cli import command as _command
    from fairmind_sync.cli import (
        daemon_verbs,
        db_verbs,
        deletion_verbs,
        delivery_verbs,
        evidence_verbs,
        help_verbs,
        operator_verbs,
        provider_verbs,
        saving_verbs,
        site_verbs,
        standard_streams,
        webhook_verbs,
    )
    from fairmind_sync.cli.output import fail

__all__ = ["app", "main"]

app: typer.Typer = _command.app
_SAVE, _DELIVER, _LOOK = "Save results", "Deliver them", "Look"
_CHANGE, _CARE = "Change what becomes of deliveries", "Care for it"
_VERBS: dict[str, tuple[Callable[..., None], ...]] = {
    _SAVE: (saving_verbs.save, saving_verbs.import_),
    _DELIVER: (daemon_verbs.run, daemon_verbs.drain, saving_verbs.backfill, daemon_verbs.demo),
    _LOOK: (
        *(provider_verbs.status, delivery_verbs.runs, delivery_verbs.url, delivery_verbs.explain),
        *(evidence_verbs.evidence, evidence_verbs.report),
    ),
    _CHANGE: (
        *(operator_verbs.retry, operator_verbs.discard),
        *(provider_verbs.pause, provider_verbs.resume),
    ),
    _CARE: (daemon_verbs.doctor, help_verbs.help_for),
}
for _panel, _verbs in _VERBS.items():
    for _verb in _verbs:
        app.command(_verb.__name__.strip("_").replace("_", "-"), rich_help_panel=_panel)(_verb)
app.add_typer(deletion_verbs.results, name="results", rich_help_panel=_LOOK)
app.add_typer(site_verbs.bundle, name="bundle", rich_help_panel=_DELIVER)
app.add_typer(webhook_verbs.webhook, name="webhook", rich_help_panel=_CARE)
app.add_typer(db_verbs.db, name="db", rich_help_panel=_CARE)


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, not a traceback."""
    standard_streams.fill()
    try:
        _with_verbs(sys.argv[1:2])()
    except FairmindSyncError as error:
        fail(_without_secrets(str(error)))
    except OSError as error:
        fail(standard_streams.trouble(error))


def _with_verbs(named: list[str]) -> typer.Typer:
    """Returns the application with the named verb alone: typer reads the signature of each that it knows.

    Where none is named, all are there: for help, for completion, and to say which verb was meant.
    """
    verbs = [one for one in app.registered_commands if one.name in named]
    groups = [one for one in app.registered_groups if one.name in named]
    if not verbs and not groups and named != ["--version"]:
        return app
    chosen = copy(app)
    chosen.registered_commands, chosen.registered_groups = verbs, groups
    return chosen


def _without_secrets(message: str) -> str:
    """Hides what the settings hold; an error with the settings themselves holds no value."""
    from fairmind_sync.providers.secrets import secrets_of
    from fairmind_sync.redaction import redact
    from fairmind_sync.settings import current_settings

    with suppress(FairmindSyncError):
        return redact(message, secrets_of(current_settings()))
    return message
