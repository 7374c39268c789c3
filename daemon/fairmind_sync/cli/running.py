"""Verbs that deliver: the daemon, one drain, the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairmind_sync.cli.app import AsJson, current_settings
from fairmind_sync.cli.output import fail, print_json, say


def run(*, as_json: AsJson = False) -> None:
    """Run the daemon: deliver what is saved, serve API and status page, until SIGTERM or Ctrl-C."""
    from fairmind_sync import daemon  # noqa: PLC0415 verbs import when they run

    configured = current_settings()
    if as_json:
        configured = configured.model_copy(update={"log_format": "json"})
    daemon.run(configured)


def drain(*, as_json: AsJson = False) -> None:
    """Deliver everything that is due, once; exit 0 only if nothing is left undelivered."""
    from fairmind_sync import logs  # noqa: PLC0415 as above
    from fairmind_sync.progress import drain_with_progress  # noqa: PLC0415 as above

    configured = current_settings()
    logs.configure(configured)
    if not configured.enabled:
        fail("MLOps integration not available: set MLOPS_PROVIDER to wandb, mlflow or both.")
    left = drain_with_progress(configured)
    if as_json:
        print_json({"left": {name: left.get(name, 0) for name in configured.enabled}})
    for provider, count in left.items():
        say(f"{provider}: {count} undelivered. See: fairmind-sync status", is_wrong=True)
    raise typer.Exit(1 if left else 0)


def demo(
    directory: Annotated[
        Path | None, typer.Option(help="Keep the demo's files here; else they go at the end.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """See it work: 20 bias results travel into a real MLflow server that is down at first."""
    from fairmind_sync.demo import story  # noqa: PLC0415 as above

    urls = story.tell(directory, quietly=as_json)
    if as_json:
        print_json({"delivered": len(urls), "urls": urls})
