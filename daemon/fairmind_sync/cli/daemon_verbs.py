"""Verbs on the daemon and what it does: run, drain, doctor, demo."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairmind_sync.cli.command import AsJson, current_settings, opened
from fairmind_sync.cli.delivering import Timeout, deliver
from fairmind_sync.cli.output import print_json, say

if TYPE_CHECKING:
    from fairmind_sync.operating.finding import Finding


def run(
    host: Annotated[
        str | None,
        typer.Option(help="Where to listen, in the place of FAIRMIND_SYNC_API_HOST."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help="In the place of FAIRMIND_SYNC_API_PORT; 0: a free one."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the daemon: deliver what is saved, serve API and status page, until SIGTERM, SIGHUP or Ctrl-C.

    Example: fairmind-sync run --port 8080
    """
    from fairmind_sync import daemon

    given = {"FAIRMIND_SYNC_API_HOST": host, "FAIRMIND_SYNC_API_PORT": port}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    settings = current_settings()
    if as_json:
        settings = settings.model_copy(update={"log_format": "json"})
    daemon.run(settings)


def drain(*, timeout: Timeout = None, as_json: AsJson = False) -> None:
    """Deliver everything that is due, once; exit 0 only if nothing is left undelivered.

    Example: fairmind-sync drain --timeout 60
    """
    settings = current_settings()
    left = deliver(opened(settings), settings, timeout)
    if as_json:
        print_json({"left": left})
    raise typer.Exit(1 if any(left.values()) else 0)


def demo(
    directory: Annotated[
        Path | None, typer.Option(help="Keep the demo's files here; else they go at the end.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """See it work: 20 bias results travel into a real MLflow server that is down at first.

    Example: fairmind-sync demo
    """
    from fairmind_sync.demo import story

    urls = story.tell(directory, quietly=as_json)
    if as_json:
        print_json({"delivered": len(urls), "urls": urls})


def doctor(*, as_json: AsJson = False) -> None:
    """Check settings, database, disk, clock and providers; exit 1 if something needs you.

    Example: fairmind-sync doctor
    """
    from fairmind_sync.operating import doctor as examination

    findings = []
    for finding in examination.examine():
        findings.append(finding)
        if not as_json:
            say(f"{_mark(finding)} {finding.check}: {finding.detail}")
            if finding.remedy:
                say(f"      {finding.remedy}")
    if as_json:
        print_json([asdict(finding) | {"ok": finding.is_ok} for finding in findings])
    raise typer.Exit(0 if all(finding.is_ok for finding in findings) else 1)


def _mark(finding: Finding) -> str:
    if finding.is_warning:
        return "WARN "
    return "ok   " if finding.is_ok else "WRONG"
