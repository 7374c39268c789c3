"""The command line: one verb a function. Exit codes: 0 done, 1 undelivered or wrong, 2 usage.

Verbs import what they need when they run: a worker process starts by importing this package.
"""

from __future__ import annotations

import typer

from fairmind_sync.cli import app as _app
from fairmind_sync.cli import databases, looking, operating, running, saving
from fairmind_sync.cli.output import fail
from fairmind_sync.errors import FairmindSyncError

__all__ = ["app", "main"]

app: typer.Typer = _app.app
for _verb in (
    running.run,
    running.drain,
    saving.save,
    saving.import_,
    saving.backfill,
    looking.status,
    looking.runs,
    looking.url,
    looking.explain,
    operating.retry,
    operating.discard,
    operating.pause,
    operating.resume,
    looking.doctor,
):
    app.command(_verb.__name__.strip("_"))(_verb)
app.add_typer(databases.db, name="db")
app.command("demo")(running.demo)


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, not a traceback."""
    try:
        app()
    except FairmindSyncError as error:
        fail(str(error))
