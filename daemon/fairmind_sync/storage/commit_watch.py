"""Notices that another connection has committed: by PRAGMA
data_version in SQLite, by LISTEN in PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Engine

from fairmind_sync.storage import postgresql, sqlite
from fairmind_sync.storage.engine import is_file, translated_errors


class CommitWatch:
    """Tells whether somebody committed something that may be work to do; a look costs microseconds.

    In SQLite any commit of another connection counts; in PostgreSQL those that the triggers notify of. A
    watch holds a connection of its own, outside of any transaction: use each in one thread, and close it.
    `steady` is a clock in seconds that nobody sets.
    """

    def __init__(self, engine: Engine, steady: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._listener: postgresql.Listener | None = None
        with translated_errors(engine):
            if is_file(engine):
                self._connection = engine.raw_connection()
                self._seen = sqlite.data_version(self._connection)
            else:
                self._listener = postgresql.Listener(engine, steady)

    def has_changed(self) -> bool:
        """Returns whether somebody committed since the last call.

        Raises:
            StorageError: the database can't be watched any more.
        """
        if self._listener is not None:
            with translated_errors(self._engine):
                return self._listener.has_heard()
        before, self._seen = self._seen, sqlite.data_version(self._connection)
        return self._seen != before

    def close(self) -> None:
        (self._listener or self._connection).close()
