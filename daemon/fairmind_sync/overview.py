"""How things stand, for the status command: the daemon, each provider's state and backlog."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fairmind_sync import heartbeat, lookup, schema
from fairmind_sync.database import reading
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.settings import Settings


def of(settings: Settings, now: datetime) -> dict[str, Any]:
    """Plain values; a provider that is not enabled but has deliveries shows them all the same."""
    with reading(schema.ready_engine(settings.database_url)) as connection:
        backlogs = {provider: lookup.backlog(connection, provider) for provider in PROVIDERS}
        alive = heartbeat.any_alive(connection, now)
    return {
        "database": settings.database.render_as_string(),
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
