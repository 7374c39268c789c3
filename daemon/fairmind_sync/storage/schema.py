"""Creates the schema or upgrades it by the migrations, after a backup copy of a file; refuses one that is too
old or too new for this code. Alembic is imported only when there is work to do.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from sqlalchemy import Connection, Engine, select

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import (
    former_place,
    ownership,
    postgresql,
    sqlite,
    sqlite_file,
    version_table,
)
from fairmind_sync.storage.advisory_locks import advisory_lock
from fairmind_sync.storage.engine import (
    is_file,
    reading,
    shared_engine,
    translated_errors,
    writing,
)
from fairmind_sync.storage.table_locks import lock_all
from fairmind_sync.storage.tables import schema_support_table
from fairmind_sync.storage.url import shown

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """As `writing`, for changes of the schema, one at a time, while nobody uses a table of ours.

    In SQLite foreign keys are off meanwhile and checked at the end: Alembic's batch mode copies and drops
    tables, and with foreign keys on the drop would cascade.
    """
    if not is_file(engine):
        with writing(engine) as connection:
            advisory_lock(connection, "schema")
            postgresql.enter_schema(connection)
            lock_all(connection, ownership.tables_of(connection))
            yield connection
        return
    with (
        translated_errors(engine),
        engine.connect().execution_options(fairmind_writes=True) as connection,
    ):
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]  # it is connected
        try:
            with connection.begin():
                yield connection
                sqlite.check_foreign_keys(connection)
        finally:
            connection.invalidate()


HEAD = "0012"
_KNOWN = (*former_place.FORMER, "0007", "0008", "0009", "0010", "0011", "0012")


_Seen = TypeVar("_Seen")
_ready: WeakSet[Engine] = WeakSet()


def ready_engine(url: str) -> Engine:
    """Returns the process's engine for a database; an empty database gets today's schema here.

    Raises:
        SchemaError: the schema is older than this code, or newer; the message says what to do.
        StorageError: the database can't be opened or created.
    """
    engine = shared_engine(url)
    if engine not in _ready:
        create_if_missing(engine)
        _ready.add(engine)
    return engine


def revision(engine: Engine) -> str | None:
    """Returns the schema's revision; None for an empty database."""
    return _seen(engine, ownership.revision)


def _seen(engine: Engine, look: Callable[[Connection], _Seen]) -> _Seen:
    """Returns what `look` sees in one state of the database, and not in the midst of an upgrade."""
    while True:
        with suppress(version_table.TablesMovedError), reading(engine) as connection:
            return look(connection)


def create_if_missing(engine: Engine) -> None:
    """Makes today's schema in an empty database; any other must have one that this code can use.

    Raises:
        SchemaError: as `ready_engine`.
    """
    found = _seen(engine, ownership.revision_or_room)
    if found is None:
        migrate(engine)
    elif not _is_usable(engine, found):
        _refuse(engine, found)


def upgrade(engine: Engine, now: datetime) -> Path | None:
    """Brings an older schema up to date, after a backup copy of a file, whose path is returned.

    Raises:
        SchemaError: the schema is newer than this code; nothing was changed. Or a daemon uses tables that
            have to be moved.
    """
    found = revision(engine)
    if found not in _KNOWN or found == HEAD:
        create_if_missing(engine)
        return None
    copy = _copy_before(engine, found, now) if is_file(engine) else None
    migrate(engine)
    return copy


def _copy_before(engine: Engine, found: str, now: datetime) -> Path:
    """Copies a file that is to be upgraded; none is left behind of an upgrade that is refused."""
    with reading(engine) as connection:
        if found in former_place.FORMER:
            former_place.require_no_daemon(connection)
    return back_up(engine, f"before-{HEAD}-{now:%Y%m%dT%H%M%S}")


def upgrade_apart(engine: Engine) -> Path | None:
    """Upgrades a file's schema in a process of its own: Alembic would hold 10 MB for as long as ours runs.

    A server's schema is left as it is: many share the server, and its operator says when to upgrade.

    Raises:
        SchemaError: the upgrade failed, or a server's schema is not one that this code can use.
    """
    if revision(engine) == HEAD or not is_file(engine):
        create_if_missing(engine)
        return None
    url = engine.url.render_as_string(hide_password=False)
    once = subprocess.run(
        [sys.executable, "-m", "fairmind_sync", "db", "upgrade", "--json"],
        env=os.environ | {"FAIRMIND_SYNC_DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if once.returncode != 0:
        raise SchemaError(once.stderr.strip().removeprefix("fairmind-sync: "))
    copy = json.loads(once.stdout)["backup"]
    return None if copy is None else Path(copy)


def migrate(engine: Engine) -> None:
    """Runs the migrations in one transaction, whose lock makes a second process wait."""
    with migrating(engine) as connection, _without_alembics_lines():
        from alembic import command  # a producer only pays for it on a database's first use

        command.upgrade(alembic_config(connection), "head")


@contextmanager
def _without_alembics_lines() -> Iterator[None]:
    """Keeps Alembic's lines about this thread's work out of the log of whoever saves a first result."""
    thread = threading.get_ident()

    def is_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    loggers = [logging.getLogger(f"alembic.runtime.{part}") for part in ("migration", "plugins")]
    for logger in loggers:
        logger.addFilter(is_others)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_others)


def alembic_config(connection: Connection | None = None) -> Config:
    """Returns Alembic's configuration, with the migrations of the checkout or of the installed wheel."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrations_directory() -> Path:
    """Returns the migrations of the installed wheel, or of the checkout."""
    package = Path(__file__).parents[1]
    packed = package / "migrations"
    return packed if packed.is_dir() else package.parents[1] / "migrations"


def back_up(engine: Engine, label: str) -> Path:
    """Copies the file to a new one beside it, and returns the path of the copy."""
    source = sqlite_file.file_of(engine)
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        target = source.with_name(f"{source.name}.{label}{suffix}.backup")
        if not target.exists():
            sqlite_file.copy_to(engine, target)
            return target
    raise SchemaError(f"there are too many backups beside {source}: move some away.")


def _is_usable(engine: Engine, found: str) -> bool:
    """Returns whether this code can use the schema: today's, or a later one that allows this version."""
    if found in _KNOWN:
        return found == HEAD
    with reading(engine) as connection:
        oldest: str = connection.execute(select(schema_support_table.c.oldest)).scalar_one()
    return oldest <= HEAD


def _refuse(engine: Engine, found: str) -> None:
    place = shown(engine.url)
    if found in _KNOWN and is_file(engine):
        raise SchemaError(
            f"{place} has the older schema {found}. Start the daemon, which makes a backup and upgrades it, "
            "or run 'fairmind-sync db upgrade'."
        )
    if found in _KNOWN:
        advice = (
            "Stop every daemon and every program that saves, make a backup with pg_dump, then run "
            "'fairmind-sync db upgrade'."
            if found in former_place.FORMER
            else "Make a backup with pg_dump, then run 'fairmind-sync db upgrade'; daemons of the version "
            "before may run meanwhile."
        )
        raise SchemaError(
            f"{place} has the older schema {found}, and this version needs {HEAD}. {advice}"
        )
    raise SchemaError(
        f"{place} was written by a newer fairmind-sync (schema {found}; this version knows {HEAD}). "
        "Upgrade this installation: pip install --upgrade fairmind-sync. Nothing was changed."
    )
