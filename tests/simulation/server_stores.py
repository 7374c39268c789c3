"""Databases of a run on a PostgreSQL server: all hosts of a run share one, which is made from a template.

Nothing may really wait in the server: whoever would wait for a lock there fails at once, and so does the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Connection, Engine, event

from fairmind_sync.storage.commit_watch import CommitWatch
from tests.simulation import audit
from tests.simulation.hosts import DATABASE, Host
from tests.simulation.server_audit import READ, READ_STATES, SCRIPT
from tests.simulation.stores import as_stored
from tests.simulation.world import Process
from tests.support.postgres import PostgresServer

_SESSION = """
SET lock_timeout = 1;
SET idle_in_transaction_session_timeout = 0;
SET search_path = simulated, pg_catalog;
"""
_WHO = "SELECT set_config('simulated.who', %s, false), set_config('simulated.keys', %s, false)"
_NOW = "SELECT set_config('simulated.now', %s, false)"
_HAS_WRITTEN = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"
_WOULD_WAIT = ("55P03", "40P01")
"""SQLSTATE of a lock that others have, and of a deadlock."""


class RealWaitError(AssertionError):
    """A transaction would have waited for another one in the server, which no strand can."""


class PromptWatch(CommitWatch):
    """The product's watch, which has heard of each commit before the look: virtual time didn't go on."""

    def has_changed(self) -> bool:
        assert self._listener is not None
        with suppress(psycopg.Error):  # the look itself tells of a lost connection
            self._listener._driver.execute("SELECT 1")
        return super().has_changed()


class ServerStore:
    """A database in the server; the time of all who use it is the world's, not a host's."""

    longest_s, silent_s = 60.0, 25.0
    """The product's idle_in_transaction_session_timeout and keepalives, in virtual time."""

    def __init__(self, server: PostgresServer, template: str, keys: Random) -> None:
        self._server = server
        self._name = server.new_database(template)
        self.url = server.url(self._name)
        self._keys = f"{keys.random()}"
        self.session = self._server.connect(self._name)
        self._sessions: dict[Host, WeakSet[Any]] = {}

    def clock(self, host: Host) -> Callable[[], datetime]:
        return lambda: host.world.time

    def prepare(self, engine: Engine, process: Process, host: Host) -> None:
        if host not in self._sessions:
            self._sessions[host] = WeakSet()
        event.listen(engine, "do_connect", partial(_refuse, host))
        event.listen(engine, "connect", partial(self._set_up, process, host))
        event.listen(engine, "begin", partial(_tell_time, host))
        event.listen(engine, "handle_error", partial(_note_waits, host))

    def _set_up(self, process: Process, host: Host, connection: Any, _record: object) -> None:
        self._sessions[host].add(connection)
        connection.execute(_SESSION)
        connection.execute(_WHO, (process.signature, self._keys))
        connection.commit()

    def end_sessions(self, host: Host) -> None:
        for connection in [*self._sessions.get(host, ())]:
            if not connection.closed:
                self.end_session(connection)

    def end_session(self, connection: Any) -> None:
        self.session.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid = ANY(%s)",
            ([connection.info.backend_pid],),
        )

    def commit_without_reply(self, connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.commit()
        driver.close()
        raise psycopg.OperationalError("the connection was lost before the reply")

    def watch(self, engine: Engine, steady: Callable[[], float]) -> CommitWatch:
        return PromptWatch(engine, steady)

    def has_changed(self, connection: Connection) -> bool:
        found: bool = connection.exec_driver_sql(_HAS_WRITTEN).scalar_one()
        return found

    def rows(self, query: str) -> Sequence[Any]:
        with self.session.cursor(row_factory=dict_row) as cursor:
            return [
                {name: _plain(value) for name, value in row.items()}
                for row in cursor.execute(query.encode())
            ]

    def writes(self) -> list[audit.Write]:
        return [audit.Write(*row.values()) for row in self.rows(READ)]

    def changes(self) -> list[tuple[str, str, str]]:
        return [(row["who"], row["provider"], row["state"]) for row in self.rows(READ_STATES)]

    def damage(self) -> str | None:
        return None

    def remove(self) -> None:
        self.session.close()
        self._server.drop(self._name)


class ServerStores:
    """A server, and a template there with today's schema and the audit log."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        with closing(server.connect(template)) as session:
            session.execute(SCRIPT)

    def new(self, _file: Path, keys: Random) -> ServerStore:
        return ServerStore(self._server, self._template, keys)


@contextmanager
def server_stores(server: PostgresServer) -> Iterator[ServerStores]:
    """Databases on the server, whose template goes at the end."""
    template = server.new_database_of_today()
    try:
        yield ServerStores(server, template)
    finally:
        server.drop(template)


def _refuse(host: Host, *_how: object) -> None:
    if DATABASE in host.cut_off_from:
        raise psycopg.OperationalError("the server can't be reached")


def _tell_time(host: Host, connection: Connection) -> None:
    """The time of a write transaction stands still, as no strand is suspended in one."""
    if connection.get_execution_options().get("fairmind_writes"):
        driver: Any = connection.connection.driver_connection
        driver.execute(_NOW, (as_stored(host.world.time),))


def _note_waits(host: Host, context: Any) -> None:
    error = context.original_exception
    if isinstance(error, psycopg.Error) and error.sqlstate in _WOULD_WAIT:
        host.world.crashes.append(RealWaitError(f"{context.statement}: {error}"))


def _plain(value: Any) -> Any:
    """As SQLite's driver has it."""
    if isinstance(value, datetime):
        return as_stored(value)
    return int(value) if isinstance(value, Decimal) else value
