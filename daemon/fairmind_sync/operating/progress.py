"""Shows a progress bar on a terminal while a drain or an import runs."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from fairmind_sync.intake.fairmind_files import import_all
from fairmind_sync.relay.drain import drain_once, unfinished

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.progress import Progress
    from sqlalchemy import Engine

    from fairmind_sync.intake.fairmind_files import ImportReport
    from fairmind_sync.settings import Settings


def drain_with_progress(
    engine: Engine, settings: Settings, most_seconds: float | None = None
) -> dict[str, int]:
    """Runs `drain_once`; on a terminal, a bar takes the place of the log's routine lines."""
    at_first = unfinished(engine, settings) if sys.stderr.isatty() else {}
    if not at_first:
        return drain_once(engine, settings, most_seconds=most_seconds)
    with _progress() as progress:
        bars = {
            provider: progress.add_task(provider, total=count)
            for provider, count in at_first.items()
        }

        def show(counts: dict[str, int]) -> None:
            for provider, bar in bars.items():
                progress.update(bar, completed=at_first[provider] - counts.get(provider, 0))
            progress.refresh()

        is_quiet = settings.log_level in ("error", "critical")
        quiet = settings if is_quiet else settings.model_copy(update={"log_level": "warning"})
        return drain_once(engine, quiet, show, most_seconds)


def import_with_progress(
    engine: Engine, files: Sequence[Path], settings: Settings, *, deliver: bool
) -> ImportReport:
    """Imports FairMind's result files, with or without deliveries to the enabled providers."""
    import_them = partial(
        import_all, engine, files, settings.owed if deliver else (), settings.private_fields
    )
    if not sys.stderr.isatty():
        return import_them()
    with _progress() as progress:
        bar = progress.add_task("import", total=len(files))

        def show(count: int) -> None:
            progress.update(bar, completed=count)
            progress.refresh()

        return import_them(show)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        auto_refresh=False,  # by a thread, with which no process may be forked
    )
