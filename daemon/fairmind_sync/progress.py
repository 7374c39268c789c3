"""A drain, or an import, with a progress bar, where there is a terminal to show it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fairmind_sync.drain import drain_once, unfinished
from fairmind_sync.fairmind_files import import_all, result_files

if TYPE_CHECKING:
    from pathlib import Path

    from fairmind_sync.fairmind_files import Report
    from fairmind_sync.settings import Settings


def drain_with_progress(settings: Settings) -> dict[str, int]:
    """As `drain_once`; on a terminal the bar takes the place of the log's routine lines."""
    if not sys.stderr.isatty():
        return drain_once(settings)
    at_first = unfinished(settings)
    with _progress() as progress:
        bars = {
            provider: progress.add_task(provider, total=count)
            for provider, count in at_first.items()
        }

        def show(counts: dict[str, int]) -> None:
            for provider, bar in bars.items():
                progress.update(bar, completed=at_first[provider] - counts.get(provider, 0))

        return drain_once(settings.model_copy(update={"log_level": "warning"}), show)


def import_with_progress(path: Path, settings: Settings, *, deliver: bool) -> Report:
    """Imports FairMind's result files, with or without deliveries to the enabled providers."""
    to = settings if deliver else settings.model_copy(update={"provider": "none"})
    files = result_files(path)
    if not sys.stderr.isatty():
        return import_all(files, to)
    with _progress() as progress:
        bar = progress.add_task("import", total=len(files))
        return import_all(files, to, lambda count: progress.update(bar, completed=count))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
