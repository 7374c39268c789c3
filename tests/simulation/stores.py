"""Where a run's rows are: SQLite files, each a copy of a template with the audit log."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, event

from fairmind_sync.storage import schema
from fairmind_sync.storage.commit_watch import CommitWatch
from fairmind_sync.storage.engine import open_engine
from fairmind_sync.storage.sqlite import sqlite_module
from tests.simulation import audit
from tests.simulation.hosts import Host
from tests.simulation.world import Process

KEY_BYTES = 16
_CHANGES = "simulated_changes"


class Store(Protocol):
    """A database as the simulator sees it from beside the product."""

    url: str
    longest_s: float
    """How long a write transaction lasts of a process that stands still."""
    silent_s: float
    """How long a session lasts of a host that doesn't answer."""

    def clock(self, host: Host) -> Callable[[], datetime]:
        """What processes of the host have for the time of the database."""
        ...

    def prepare(self, engine: Engine, process: Process, host: Host) -> None:
        """Has the engine's keys come of the seed, and its writes tell the audit log whose they are."""
        ...

    def watch(self, engine: Engine, steady: Callable[[], float]) -> CommitWatch:
        """Notices commits, by what the product notices them by."""
        ...

    def has_changed(self, connection: Connection) -> bool:
        """Whether the transaction that is to be committed has changed anything."""
        ...

    def commit_without_reply(self, connection: Connection) -> None:
        """Commits, and raises what whoever didn't hear of that gets."""
        ...

    def end_sessions(self, host: Host) -> None:
        """Has the server end each connection of the host's processes."""
        ...

    def end_session(self, connection: Any) -> None:
        """The same for one of the driver's connections."""
        ...

    def rows(self, query: str) -> Sequence[Any]:
        """The rows as mappings, with times as the audit log has them."""
        ...

    def writes(self) -> list[audit.Write]:
        """What the audit log has of deliveries, in its order."""
        ...

    def changes(self) -> list[tuple[str, str, str]]:
        """Who brought which provider into which state, in the order of the audit log."""
        ...

    def damage(self) -> str | None:
        """What is broken."""
        ...

    def remove(self) -> None:
        """At the end of the run."""
        ...


class Stores(Protocol):
    """Where new databases come from."""

    def new(self, file: Path, keys: Random) -> Store:
        """An empty database; `file` is where a file would be, `keys` the chance of delivery keys."""
        ...


class FileStore:
    """A SQLite file of one host."""

    longest_s = silent_s = math.inf

    def __init__(self, file: Path, keys: Random) -> None:
        self.url = f"sqlite:///{file}"
        self._file = file
        self._keys = keys

    def clock(self, host: Host) -> Callable[[], datetime]:
        return host.time

    def prepare(self, engine: Engine, process: Process, host: Host) -> None:
        event.listen(engine, "connect", partial(self._set_up, process, host))

    def _set_up(self, process: Process, host: Host, connection: Any, _record: object) -> None:
        """Nobody waits for real: who would wait for a lock outside of `writing` fails at once."""
        connection.execute("PRAGMA busy_timeout = 0")
        connection.create_function("randomblob", 1, lambda _size: self._keys.randbytes(KEY_BYTES))
        connection.create_function("simulated_who", 0, lambda: process.signature)
        connection.create_function("simulated_now", 0, lambda: as_stored(host.time()))

    def watch(self, engine: Engine, steady: Callable[[], float]) -> CommitWatch:
        return CommitWatch(engine, steady)

    def has_changed(self, connection: Connection) -> bool:
        """SQLite shows no other commit to anybody."""
        changes = connection.connection.driver_connection.total_changes  # type: ignore[union-attr]
        has_changed: bool = changes != connection.info.get(_CHANGES, 0)
        connection.info[_CHANGES] = changes
        return has_changed

    def commit_without_reply(self, connection: Connection) -> None:
        """A file has nobody who could reply."""
        raise NotImplementedError

    def end_sessions(self, host: Host) -> None:
        """A file has no sessions."""
        raise NotImplementedError

    def end_session(self, connection: Any) -> None:
        raise NotImplementedError

    def rows(self, query: str) -> Sequence[Any]:
        found: Sequence[Any] = self._reader.execute(query).fetchall()
        return found

    @cached_property
    def _reader(self) -> Any:
        """Stays open until `remove`: SQLite reads the whole schema with each new connection.

        It is of the product's own SQLite: a second one in this process would not see the locks of the first.
        """
        driver = sqlite_module()
        reader = driver.connect(f"file:{self._file}?mode=ro", uri=True)
        reader.row_factory = driver.Row
        return reader

    def writes(self) -> list[audit.Write]:
        return [audit.Write(*row) for row in self.rows(audit.READ)]

    def changes(self) -> list[tuple[str, str, str]]:
        return [(who, of, state) for who, of, state in self.rows(audit.READ_STATES)]

    def damage(self) -> str | None:
        found = str(self.rows("PRAGMA integrity_check")[0][0])
        return None if found == "ok" else found

    def remove(self) -> None:
        if "_reader" in vars(self):
            self._reader.close()
        for file in self._file.parent.glob(f"{self._file.name}*"):
            file.unlink()


class FileStores:
    """A directory with a template, and the files that are copied from there."""

    def __init__(self, directory: Path) -> None:
        self._template = directory / "template"
        engine = open_engine(f"sqlite:///{self._template}")
        schema.create_if_missing(engine)
        engine.dispose()
        with closing(sqlite3.connect(self._template)) as connection:
            audit.install(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def new(self, file: Path, keys: Random) -> FileStore:
        shutil.copyfile(self._template, file)
        return FileStore(file, keys)


def as_stored(time: datetime) -> str:
    """The time as SQLite has times, and the audit log."""
    return f"{time:%Y-%m-%d %H:%M:%S.%f}"
