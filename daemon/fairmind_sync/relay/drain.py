"""`drain_once`, a drain without a daemon: which providers have something to deliver, probe, sweep or add."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fairmind_sync.outbox import deletion, owed_evidence, repairs, workload
from fairmind_sync.relay import sweep
from fairmind_sync.relay.decision import decide
from fairmind_sync.storage import erasure
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.workload import Workload
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings


def drain_once(
    engine: Engine,
    settings: Settings,
    on_progress: Callable[[dict[str, int]], None] = lambda _counts: None,
    most_seconds: float | None = None,
) -> dict[str, int]:
    """Delivers until nothing is due; a provider that was offline or blocked is probed at once.

    Only a provider that has work gets a process. After `most_seconds`, what has begun is finished and nothing
    more begins; a process that takes longer than the grace period for that is killed. `on_progress` gets each
    provider's number of unfinished deliveries, now and then.

    Returns:
        How many deliveries of each provider are left, pending or dead; a provider with none is left out.
    """
    decide(engine, settings)
    with writing(engine) as connection:
        now = current_time(engine)
        repairs.correct_times(connection, now=now)
        deletion.finish(connection, now)
    if at_work := _with_work(engine, settings):
        from fairmind_sync.relay import drain_processes  # which a drain of nothing doesn't need

        drain_processes.run(
            engine,
            settings,
            at_work,
            lambda: on_progress(unfinished(engine, settings)),
            most_seconds,
        )
    erasure.empty_log(engine)
    return unfinished(engine, settings)


def unfinished(engine: Engine, settings: Settings) -> dict[str, int]:
    """Returns how many deliveries are pending or dead by provider; leaves out who has none or is disabled."""
    with reading(engine) as connection:
        return workload.unfinished(connection, settings.owed)


def _with_work(engine: Engine, settings: Settings) -> list[ProviderName]:
    now = current_time(engine)
    with reading(engine) as connection:
        found = workload.read_all(connection)
        return [
            name
            for name in settings.enabled
            if _has_work(connection, name, found[name], settings, now)
        ]


def _has_work(
    connection: Connection,
    provider: ProviderName,
    found: Workload,
    settings: Settings,
    now: datetime,
) -> bool:
    """Returns whether a process would have something to deliver, to probe, to sweep or to add."""
    state = found.state
    if state.is_ready:
        return (
            found.has_any(now)
            or sweep.is_called_for(connection, provider, now)
            or (settings.wants_evidence and owed_evidence.is_due(connection, provider, now))
        )
    return not state.is_paused and (
        state.may_try(now) or workload.pending(connection, provider) > 0
    )
