"""Reads the status of the daemon, and each provider's state and backlog."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fairmind_sync.outbox import heartbeat, workload
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage.engine import reading

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.settings import Settings


def overview(engine: Engine, settings: Settings, now: datetime) -> dict[str, Any]:
    """Returns the status in plain values, of every provider, also of those that are not enabled."""
    with reading(engine) as connection:
        backlogs = {provider: workload.backlog(connection, provider) for provider in PROVIDERS}
        alive = heartbeat.any_alive(connection, now)
    return {
        "database": engine.url.render_as_string(),
        "daemon_alive": alive,
        "providers": {
            provider: {
                "enabled": provider in settings.enabled,
                "state": backlog.state.state,
                "reason": backlog.state.reason,
                "paused_at": backlog.state.paused_at,
                **backlog.counts,
                "oldest_pending_at": backlog.oldest_pending_at,
                "last_success_at": backlog.state.last_success_at,
                "next_probe_at": backlog.state.next_probe_at,
            }
            for provider, backlog in backlogs.items()
        },
    }
