"""A drain with a progress bar, where there is a terminal to show it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fairmind_sync.drain import drain_once, unfinished

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings


def drain_with_progress(settings: Settings) -> dict[str, int]:
    """As `drain_once`; on a terminal the bar takes the place of the log's routine lines."""
    if not sys.stderr.isatty():
        return drain_once(settings)
    at_first = unfinished(settings)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars = {
            provider: progress.add_task(provider, total=count)
            for provider, count in at_first.items()
        }

        def show(counts: dict[str, int]) -> None:
            for provider, bar in bars.items():
                progress.update(bar, completed=at_first[provider] - counts.get(provider, 0))

        return drain_once(settings.model_copy(update={"log_level": "warning"}), show)
