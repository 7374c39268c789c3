"""The daemon's chores on its database: its heartbeats; and, one daemon at a time, tidying (old keys, counts,
a large log) and pruning.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import (
    counters,
    deletion,
    idempotency,
    pruning,
    samples,
    webhook_events,
)
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.storage import erasure, sqlite_file
from fairmind_sync.storage.advisory_locks import try_advisory_lock
from fairmind_sync.storage.engine import current_time, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

log = get_logger()


class Housekeeping:
    """One daemon's chores on its database; of several daemons, one at a time tidies, and one prunes.

    `on_beat` is called after each heartbeat that reached the database, which shows that timers and database
    work.
    """

    def __init__(self, engine: Engine, on_beat: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._on_beat = on_beat
        self._heartbeat = Heartbeat()

    def start(self, connection: Connection, now: datetime) -> None:
        """Writes the first heartbeat, in the caller's transaction."""
        self._heartbeat.start(connection, now)

    def beat(self) -> None:
        """Writes another heartbeat."""
        with writing(self._engine) as connection:
            self._heartbeat.beat(connection, current_time(self._engine))
        self._on_beat()

    def stop(self) -> None:
        """Tells others that this daemon is gone.

        Raises:
            StorageError: the database can't be written; others notice when the last heartbeat is old.
        """
        with writing(self._engine) as connection:
            self._heartbeat.stop(connection)

    def tidy(self) -> None:
        """Finishes deletions, deletes old idempotency keys, folds and samples counts, empties a large log."""
        with try_advisory_lock(self._engine, "tidy") as is_ours:
            if is_ours:
                with writing(self._engine) as connection:
                    now = current_time(self._engine)
                    deletion.finish(connection, now)
                    idempotency.forget_keys(connection, now)
                    counters.fold_delivery_counts(connection)
                    samples.take(connection, now)
                    webhook_events.forget(connection, now)
        erasure.empty_log(self._engine)
        size = sqlite_file.shrink_wal(self._engine)
        if size > sqlite_file.LARGE_WAL:
            log.warning(
                "database.large_wal", bytes=size, reason="a connection reads for long; see doctor"
            )

    def prune(self, retention: timedelta, should_stop: Callable[[], bool]) -> None:
        """Prunes results older than the retention in many short transactions, until `should_stop` is true."""
        with try_advisory_lock(self._engine, "prune") as is_ours:
            if not is_ours:
                return
            pruned = pruning.prune_all(
                self._engine, retention, current_time(self._engine), should_stop
            )
        if pruned:
            log.info("results.pruned", count=pruned)
