"""What only PostgreSQL does: connections and sessions, the server's clock, LISTEN, locks, our schema and
rights, what its errors mean; the reason for each setting is in docs/reference/postgresql.md.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import datetime, timedelta
from select import POLLIN, poll
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select, text
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError

from fairmind_sync.errors import DiskFullError, PayloadError, SchemaError, StorageError
from fairmind_sync.redaction import redact, to_hide
from fairmind_sync.storage.url import passwords_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL

SCHEMA = "fairmind_sync"
"""The schema of the database that holds all that is ours; other programs have theirs beside it."""
CHANNEL = "fairmind_sync"
"""The NOTIFY channel on which triggers of the schema tell daemons that there may be something to do."""
_CONNECT_OPTIONS = {
    "connect_timeout": 10,
    # A server that went away without a word is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "prepare_threshold": None,
    "application_name": "fairmind-sync",
    "client_encoding": "utf8",
}
_SESSION = """
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 20000;
SET lock_timeout = 30000;
SET idle_in_transaction_session_timeout = 60000;
SET timezone = 'UTC';
"""
"""A host that went away without a word holds no row and no lock for longer than half a minute. In other zones
a time at an end of the calendar is in a year that Python doesn't have."""
_PREPARE_AFTER = 5
"""Uses of a statement before it is prepared; a save takes a quarter less time with prepared ones."""
_CLOCK_LIVES_S = 5.0
_ECHO_AFTER_S = 0.5
_DISK_FULL, _NO_SUCH_TABLE, _TAKEN, _TOO_LONG = "53100", "42P01", "55P03", "54000"


def open_server_engine(url: URL, most_connections: int) -> Engine:
    """Returns an engine whose connections notice when the server is gone.

    Raises:
        StorageError: PostgreSQL's driver isn't installed.
    """
    try:
        engine = create_engine(
            url,
            connect_args=_CONNECT_OPTIONS,
            max_overflow=most_connections,
            # Each statement names the schema: a pooler's sessions can't be given a search path.
            execution_options={"schema_translate_map": {None: SCHEMA}},
            hide_parameters=True,  # results, in a traceback that is logged
        )
    except ModuleNotFoundError as error:
        raise StorageError(
            f"FAIRMIND_SYNC_DATABASE_URL names PostgreSQL, but {error.name} is not installed. "
            "Run: pip install 'fairmind-sync[postgres]'"
        ) from error
    event.listen(engine, "connect", _set_up_session)
    event.listen(engine, "checkout", _refuse_closed)
    return engine


def _set_up_session(connection: Any, _record: object) -> None:
    """Sets the session up by statements, since a connection pooler refuses options at the start.

    A pooler may run each transaction in another session, which other clients use too: such sessions are left
    as they are, and wouldn't know our prepared statements. A pooler shows by this: the session that answers
    isn't the one that greeted us.
    """
    connection.autocommit = True
    (session,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    if session == connection.info.backend_pid:
        connection.execute(_SESSION)
        connection.prepare_threshold = _PREPARE_AFTER
    connection.autocommit = False


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Refuses a pooled connection on which the server has said something: the server has closed it.

    At the checkout the pool can still make a new connection. The look costs no round trip to the server.
    """
    socket = poll()  # select() can't look at a process's socket beyond its thousandth file
    socket.register(connection, POLLIN)
    if socket.poll(0):
        raise DisconnectionError


class Clock:
    """The server's time, asked for every few seconds, and carried on by a steady clock of ours in between.

    So all hosts agree on leases and due times, whatever their own clocks say.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._server_time: datetime

    def now(self, engine: Engine) -> datetime:
        with self._lock:
            if _steady_s() - self._asked_at > _CLOCK_LIVES_S:
                self._ask(engine)
            return self._server_time + timedelta(seconds=_steady_s() - self._asked_at)

    def _ask(self, engine: Engine) -> None:
        with engine.connect() as connection:
            began = _steady_s()
            self._server_time = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            self._asked_at = (began + _steady_s()) / 2


def _steady_s() -> float:
    """Returns seconds of a clock that also runs while the machine sleeps, where the system has one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


def advisory_lock(connection: Connection, what: str) -> None:
    """Waits for the lock named `what`, which this transaction then keeps until it ends."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what}
    )


def try_advisory_lock(connection: Connection, what: str) -> bool:
    """Returns whether this transaction got the lock named `what`, which it keeps to its end, even if idle."""
    let_idle(connection)
    try_lock = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:what, 0))")
    return bool(connection.execute(try_lock, {"what": what}).scalar())


def let_idle(connection: Connection) -> None:
    """Lets this transaction, and none after it, idle for as long as it likes."""
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def continue_ids(connection: Connection, table: Table) -> None:
    """Sets the sequence of the table's ids behind the largest one."""
    last = select(func.coalesce(func.max(table.c.id), 0)).scalar_subquery()
    sequence = func.pg_get_serial_sequence(f"{SCHEMA}.{table.name}", "id")
    connection.execute(select(func.setval(sequence, last + 1, False)))


def server_setting(engine: Engine, name: str) -> str:
    """Returns one of the server's settings, as this session has it."""
    with engine.connect() as connection:
        return _setting(connection, name)


def _setting(connection: Connection, name: str) -> str:
    return str(connection.execute(select(func.current_setting(name))).scalar_one())


def enter_schema(connection: Connection) -> None:
    """Makes our schema if need be, and has the transaction make its tables and functions there.

    Raises:
        SchemaError: the role may not do that; the message has the statement that somebody else has to run.
    """
    role = connection.execute(text("SELECT quote_ident(current_user)")).scalar_one()
    there = text("SELECT count(*) FROM pg_namespace WHERE nspname = :schema")
    if connection.execute(there, {"schema": SCHEMA}).scalar_one():
        right = f"has_schema_privilege('{SCHEMA}', 'CREATE')"
        _require_right(connection, right, f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO {role};")
    else:
        right = "has_database_privilege(current_database(), 'CREATE')"
        _require_right(connection, right, f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {role};")
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))


def _require_right(connection: Connection, right: str, remedy: str) -> None:
    if not connection.execute(text(f"SELECT {right}")).scalar_one():
        raise SchemaError(
            f"the role of {shown(connection.engine.url)} may not make tables in the schema "
            f"{SCHEMA}. The database's owner has to run: {remedy}"
        )


def require_unicode(connection: Connection) -> None:
    """Does nothing in a database that holds every character.

    Raises:
        SchemaError: the database has another encoding than UTF8.
    """
    encoding = _setting(connection, "server_encoding")
    if encoding != "UTF8":
        raise SchemaError(
            f"{shown(connection.engine.url)} has the encoding {encoding}, which can't hold every "
            "character. Nothing was changed. Name another database, made by: CREATE DATABASE fairmind_sync "
            "ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0;"
        )


class Listener:
    """A connection on which the triggers' notifications arrive, those of our own commits included.

    Of several transactions at once only one notifies, and the others may commit after that one. So each
    notification is reported a second time, half a second later by `steady`, a clock in seconds.
    """

    def __init__(self, engine: Engine, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        pooled = engine.raw_connection()
        self._driver: Any = cast("Any", pooled.driver_connection)
        pooled.detach()  # not for the pool again: the connection listens and commits by itself
        self._driver.autocommit = True
        self._driver.execute(f"LISTEN {CHANNEL}")
        self._echo_at = math.inf

    def has_heard(self) -> bool:
        """Returns whether a notification came, or is to be reported again, since the last call."""
        if list(self._driver.notifies(timeout=0)):
            self._echo_at = self._steady() + _ECHO_AFTER_S
            return True
        is_echo = self._steady() >= self._echo_at
        if is_echo:
            self._echo_at = math.inf
        return is_echo

    def close(self) -> None:
        self._driver.close()


def is_missing_table(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == _NO_SUCH_TABLE


def is_taken(error: DBAPIError) -> bool:
    """Returns whether others kept a lock for longer than was to be waited for that lock."""
    return getattr(error.orig, "sqlstate", None) == _TAKEN


def explained(engine: Engine, error: Exception) -> StorageError | PayloadError:
    """Returns an error that says what is wrong with the server, or with a value, and what to do."""
    if isinstance(error, DataError):
        return PayloadError(f"a value that was given can't be stored or looked for: {error.orig}")
    place = shown(engine.url)
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = redact(str(cause).strip(), to_hide((), passwords_of(engine.url)))
    state = getattr(cause, "sqlstate", None)
    if state == _TOO_LONG:
        return PayloadError(
            f"PostgreSQL can't hold a value that is so long: {words.splitlines()[0]}. Nothing was stored. "
            "Shorten it; ids that an older version saved in a SQLite file can be delivered from that file "
            "alone."
        )
    if state == _DISK_FULL:
        return DiskFullError(
            f"the disk of {place} is full; nothing was stored. Free space there. ({words})"
        )
    return StorageError(
        f"the database {place} can't be used: {words}. "
        "Check that its server runs and that you may write there."
    )
