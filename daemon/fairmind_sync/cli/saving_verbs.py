"""Verbs that save or enqueue: save, import, backfill."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fairmind_sync.cli import when
from fairmind_sync.cli.choices import A_PROVIDER
from fairmind_sync.cli.command import AsJson, by_command, current_settings, opened
from fairmind_sync.cli.delivering import Timeout, deliver
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.cli.standard_streams import standard_input
from fairmind_sync.provider_names import PROVIDERS, either
from fairmind_sync.text import counted


def save(
    file: Annotated[str, typer.Argument(help="A JSON or JSON Lines file; '-' is standard input.")],
    *,
    drain: Annotated[bool, typer.Option("--drain", help="Then deliver, as 'drain' does.")] = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Save results: all of the file's, or none if one is wrong.

    Example: fairmind-sync save results.jsonl --drain --timeout 60
    """
    from fairmind_sync.intake import json_lines
    from fairmind_sync.intake.save import save_all

    if timeout is not None and not drain:
        raise typer.BadParameter("--timeout is for --drain: saving waits for nobody.")
    settings = current_settings()
    text = _read(file)
    results = json_lines.parse(text, settings.private_fields)
    if not results:
        fail(f"no results in {_name(file)}: nothing was saved.")
    engine = opened(settings)
    saved = save_all(engine, results, settings.owed)
    new = sum(one.is_new for one in saved)
    if not as_json:
        say(f"saved {counted(new, 'result')}; {_were_there(len(saved) - new)}")
    left = deliver(engine, settings, timeout) if drain else {}
    if as_json:
        print_json(
            {"saved": new, "unchanged": len(saved) - new, **({"left": left} if drain else {})}
        )
    raise typer.Exit(1 if any(left.values()) else 0)


def import_(
    path: Annotated[Path, typer.Argument(help="FairMind's results folder, or one of its files.")],
    *,
    deliver: Annotated[
        bool, typer.Option("--deliver/--no-deliver", help="Deliver them to the enabled providers.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Import FairMind's result files (<dir>/<user_id>/<test_id>.json); what is there already stays.

    Example: fairmind-sync import /srv/fairmind/test_results
    """
    from fairmind_sync.intake.fairmind_files import result_files
    from fairmind_sync.operating.progress import import_with_progress

    settings = current_settings()
    files = result_files(path)
    report = import_with_progress(opened(settings), files, settings, deliver=deliver)
    if as_json:
        print_json(asdict(report))
    else:
        say(
            f"{counted(report.files, 'file')}: saved {report.saved:,}, {_were_there(report.unchanged)}, "
            f"{len(report.refused):,} refused"
        )
        for refused in report.refused:
            say(f"  {refused.file}: {refused.reason}", is_wrong=True)
    raise typer.Exit(1 if report.refused else 0)


def backfill(
    provider: Annotated[
        str, typer.Option(help=f"{either(*PROVIDERS)}; it must be enabled.", **A_PROVIDER)
    ],
    since: Annotated[
        datetime | None,
        typer.Option(help=f"Only results tested then or later: {when.FORMS}.", **when.SINCE),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Deliver saved results to a provider that was enabled after they were saved.

    Example: fairmind-sync backfill --provider wandb --since 30d
    """
    from fairmind_sync.operating import actions

    settings = current_settings()
    if provider not in settings.enabled:
        fail(f"{provider} is not enabled: add it to MLOPS_PROVIDER first.")
    count = actions.backfill(opened(settings), provider, since, by=by_command())
    if as_json:
        print_json({"provider": provider, "enqueued": count})
    else:
        say(f"{counted(count, 'result is', 'results are')} now on the way to {provider}")


def _were_there(count: int) -> str:
    return f"{count:,} {'was' if count == 1 else 'were'} there already"


def _read(file: str) -> str:
    try:
        content = standard_input().read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{_name(file)} can't be read: {error}")


def _name(file: str) -> str:
    return "standard input" if file == "-" else file
