"""The command that an operator types next for a provider (resume, run, retry, ...), each with the reason,
from its backlog. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fairmind_sync.results.states import BLOCKED, DEAD, OFFLINE, PENDING

if TYPE_CHECKING:
    from fairmind_sync.outbox.workload import Backlog


def next_steps(
    name: str, backlog: Backlog, lacking: int, *, is_enabled: bool, is_alive: bool
) -> list[dict[str, str]]:
    """Returns in words `why` something has to be done about the provider, and the `command` for it."""
    if not is_enabled:
        return []
    found = _steps(name, backlog, lacking, is_alive=is_alive)
    return [{"why": why, "command": command} for why, command in found]


def _steps(
    name: str, backlog: Backlog, lacking: int, *, is_alive: bool
) -> Iterator[tuple[str, str]]:
    state, counts = backlog.state, backlog.counts
    if state.is_paused:
        yield "it is paused", f"fairmind-sync resume {name}"
    elif state.state in (BLOCKED, OFFLINE):
        yield str(state.reason), f"fairmind-sync resume {name}"
    if counts[PENDING] and not is_alive:
        yield f"{counts[PENDING]:,} pending, and no daemon is running", "fairmind-sync run"
    if counts[DEAD]:
        of_these = f"--status dead --provider {name}"
        yield f"{counts[DEAD]:,} dead, which are not tried again", f"fairmind-sync runs {of_these}"
    if lacking:
        yield f"{lacking:,} delivered runs lack their evidence", "fairmind-sync evidence"
