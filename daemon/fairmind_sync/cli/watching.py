"""The option `--watch`: shows what a verb sees again every two seconds, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, TypeAlias

import typer

from fairmind_sync.cli.listing import Part
from fairmind_sync.cli.showing import show
from fairmind_sync.cli.standard_streams import standard_output
from fairmind_sync.cli.when import shown
from fairmind_sync.clock import utc_now

Watch = Annotated[
    bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C; on a terminal.")
]
Look: TypeAlias = Callable[[], tuple[list[Part], int]]
"""Returns what is to be seen now, and the exit code that this means."""
_EVERY_S = 2.0


def show_or_watch(look: Look, *, is_watched: bool) -> int:
    """Shows what `look` sees; if it is to be watched, until Ctrl-C, with the last sight left on the terminal.

    Returns:
        The exit code of the last look.

    Raises:
        BadParameter: it is to be watched, and standard output is no terminal.
    """
    if is_watched and not standard_output().isatty():
        raise typer.BadParameter("--watch is for a terminal; in a loop of your own leave it out")
    parts, code = _watched(look) if is_watched else look()
    show(*parts)
    return code


def _watched(look: Look) -> tuple[list[Part], int]:
    from rich.console import Group
    from rich.live import Live

    from fairmind_sync.cli.drawing import console_on, drawn

    seen = look()
    console = console_on(standard_output())
    with (
        suppress(KeyboardInterrupt),
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        while True:
            said = f"{shown(utc_now())}; again every two seconds, until Ctrl-C"
            parts = (drawn(part, console.width) for part in (said, "", *seen[0]))
            live.update(Group(*parts), refresh=True)
            time.sleep(_EVERY_S)
            seen = look()
    return seen
