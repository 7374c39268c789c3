"""Daemons' heartbeats, a row each: written every few seconds, and read to tell whether a daemon is alive."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from fairmind_sync import __version__
from fairmind_sync.storage.tables import ALIVE_FOR, heartbeat_table

INTERVAL = ALIVE_FOR / 3
_FORGET_AFTER = timedelta(days=1)
_BEAT = update(heartbeat_table).where(heartbeat_table.c.daemon_id == bindparam("of_daemon"))


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One daemon's row, from the daemon's start to its end."""

    daemon_id: str = field(default_factory=lambda: uuid4().hex)

    def start(self, connection: Connection, now: datetime) -> None:
        """Writes the first heartbeat, and deletes the rows of daemons that died long ago."""
        connection.execute(
            delete(heartbeat_table).where(heartbeat_table.c.seen_at < now - _FORGET_AFTER)
        )
        connection.execute(
            insert(heartbeat_table).values(
                daemon_id=self.daemon_id,
                host=socket.gethostname(),
                pid=os.getpid(),
                version=__version__,
                started_at=now,
                seen_at=now,
            )
        )

    def beat(self, connection: Connection, now: datetime) -> None:
        """Writes another heartbeat; starts anew if the row was deleted while this machine slept for long."""
        own = {"of_daemon": self.daemon_id, "seen_at": now}
        if not connection.execute(_BEAT, own).rowcount:
            self.start(connection, now)

    def stop(self, connection: Connection) -> None:
        own = heartbeat_table.c.daemon_id == self.daemon_id
        connection.execute(delete(heartbeat_table).where(own))


def any_alive(connection: Connection, now: datetime) -> bool:
    """Returns whether a daemon's last heartbeat is less than `ALIVE_FOR` ago, or as little ahead."""
    return count_alive(connection, now) > 0


def count_alive(connection: Connection, now: datetime) -> int:
    """Returns how many daemons are alive, as `any_alive` means it."""
    seen_at = heartbeat_table.c.seen_at
    counted = (
        select(func.count())
        .select_from(heartbeat_table)
        .where(seen_at > now - ALIVE_FOR, seen_at < now + ALIVE_FOR)
    )
    return int(connection.execute(counted).scalar_one())
