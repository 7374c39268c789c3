"""Verbs on evidence: evidence (what is missing, `--retry`, `--backfill`), report."""

from __future__ import annotations

from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairmind_sync.cli.choices import A_PROVIDER
from fairmind_sync.cli.command import (
    PROVIDER_NAMES,
    AsJson,
    current_settings,
    opened,
    opened_to_look,
)
from fairmind_sync.cli.file_endings import format_of
from fairmind_sync.cli.listing import Column, Cut, Listing
from fairmind_sync.cli.output import fail, print_json, print_page, say
from fairmind_sync.cli.showing import show
from fairmind_sync.text import counted

_LACKING = (
    Column("provider", attrgetter("provider")),
    Column("evidence", attrgetter("state")),
    Column("runs", attrgetter("count"), is_number=True),
    Column("one reason", attrgetter("reason"), Cut.END),
)
_ENDINGS = {".html": "html", ".htm": "html"}

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings


def evidence(
    *,
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Try all missing evidence at once, also what was given up."),
    ] = False,
    backfill: Annotated[
        bool,
        typer.Option("--backfill", help="Add evidence to runs that were delivered without any."),
    ] = False,
    provider: Annotated[
        str | None,
        typer.Option(help=f"{PROVIDER_NAMES[:-1]}; else each that is enabled.", **A_PROVIDER),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which delivered runs lack their evidence, and why; have it added.

    Example: fairmind-sync evidence --retry
    """
    from fairmind_sync.operating import evidence_actions
    from fairmind_sync.outbox import owed_evidence
    from fairmind_sync.storage.engine import reading

    settings = current_settings()
    providers = _providers(settings, provider, is_change=retry or backfill)
    engine = opened(settings)
    asked = sum(evidence_actions.backfill(engine, one) for one in providers) if backfill else 0
    retried = evidence_actions.retry(engine, providers) if retry else 0
    with reading(engine) as connection:
        lacking = owed_evidence.lacking(connection)
    if as_json:
        listed = [asdict(one) for one in lacking]
        print_json({"asked_for": asked, "retried": retried, "lacking": listed})
        return
    if backfill:
        say(
            f"{counted(asked, 'run that was', 'runs that were')} delivered without evidence, and tried now"
        )
    if retry:
        say(f"the evidence of {counted(retried, 'run')} is tried now")
    if backfill or retry:
        say("by the daemon, or by: fairmind-sync drain")
    if lacking:
        show(Listing(_LACKING, lacking))
    else:
        say("no delivered run lacks the evidence that was asked for")


def report(
    test_id: Annotated[str, typer.Argument(help="The test's id.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else standard output.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Whose test; else the newest of all users.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a result's report: one page of HTML, the same that is among a run's evidence.

    Example: fairmind-sync report test_123 -o report.html
    """
    from fairmind_sync.evidence.files import report_of
    from fairmind_sync.outbox.saved_results import newest_result
    from fairmind_sync.storage.engine import reading

    format_of(output, _ENDINGS, "html")
    with reading(opened_to_look()) as connection:
        result = newest_result(connection, test_id, user)
    if result is None:
        fail(f"no result of a test {test_id!r} is saved here, or its payload was erased.")
    page = report_of(result)
    if output is not None:
        output.write_text(page, encoding="utf-8")
    if as_json:
        written = {"file": str(output)} if output else {"html": page}
        print_json({"test_id": test_id, "revision": result.revision, **written})
    elif output is None:
        print_page(page)
    else:
        say(f"wrote {output}")


def _providers(settings: Settings, named: str | None, *, is_change: bool) -> list[ProviderName]:
    """Returns the provider that is named, else all that are enabled; fails where no evidence is wanted."""
    if is_change and settings.evidence == "none":
        fail("FAIRMIND_SYNC_EVIDENCE is none: set it to full or result first.")
    settings.require("evidence")
    return [named] if named else [*settings.enabled]
