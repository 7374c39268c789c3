"""Gathers the status in plain values: database, daemon alive or not,
each provider's state and backlog, wrong settings.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fairmind_sync.operating.next_step import next_steps
from fairmind_sync.outbox import heartbeat, owed_evidence, provider_state, workload
from fairmind_sync.outbox.dead_causes import dead_causes
from fairmind_sync.provider_names import PROVIDERS, UNDECIDED
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Engine

    from fairmind_sync.outbox.workload import Backlog
    from fairmind_sync.settings import Settings


def overview(engine: Engine, settings: Settings, now: datetime) -> dict[str, Any]:
    """Returns the status in plain values, of every provider, also of those that are not enabled."""
    with reading(engine) as connection:
        backlogs = {provider: workload.backlog(connection, provider) for provider in PROVIDERS}
        lacking = Counter[str]()
        for one in owed_evidence.lacking(connection):
            lacking[one.provider] += one.count
        undecided = workload.pending(connection, UNDECIDED)
        alive = heartbeat.any_alive(connection, now)
    return {
        "database": shown(engine.url),
        "daemon_alive": alive,
        "wrong_settings": settings.mistakes_in(),
        "undecided": undecided,
        "providers": {
            name: _standing(
                name, backlog, lacking[name], is_enabled=name in settings.enabled, is_alive=alive
            )
            for name, backlog in backlogs.items()
        },
    }


def with_dead_causes(engine: Engine, seen: dict[str, Any]) -> dict[str, Any]:
    """Returns the overview with each provider's causes of dead deliveries added, the most frequent first."""
    with reading(engine) as connection:
        found = dead_causes(connection)
    for name, provider in seen["providers"].items():
        provider["dead_causes"] = [
            {"error_kind": one.error_kind, "cause": one.cause, "count": one.count}
            for one in found
            if one.provider == name
        ]
    return seen


def reasons_of(engine: Engine, names: Collection[str]) -> dict[str, str]:
    """Returns why those of the providers take nothing that aren't ready, by their names."""
    with reading(engine) as connection:
        found = {name: provider_state.read(connection, name) for name in PROVIDERS if name in names}
    return {name: str(state.reason) for name, state in found.items() if not state.is_ready}


def decide_by(settings: Settings) -> str:
    """Returns what to do about deliveries that were saved while MLOPS_PROVIDER made no sense."""
    mistake = "; ".join(settings.mistakes_in("provider"))
    return mistake or "Run the daemon, or drain, with the right MLOPS_PROVIDER."


def _standing(
    name: str, backlog: Backlog, lacking: int, *, is_enabled: bool, is_alive: bool
) -> dict[str, Any]:
    return {
        "enabled": is_enabled,
        "state": backlog.state.state,
        "reason": backlog.state.reason,
        "since": backlog.state.since,
        "paused_at": backlog.state.paused_at,
        **backlog.counts,
        "evidence_missing": lacking,
        "oldest_pending_at": backlog.oldest_pending_at,
        "last_success_at": backlog.state.last_success_at,
        "next_probe_at": backlog.state.next_probe_at,
        "next_steps": next_steps(name, backlog, lacking, is_enabled=is_enabled, is_alive=is_alive),
    }
