"""Creates and upgrades the schema by the migrations. Alembic is imported only when there is work to do."""

from __future__ import annotations

import os
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from fairmind_sync import maintenance
from fairmind_sync.database import migrating, reading, shared_engine
from fairmind_sync.errors import SchemaError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

HEAD = "0004"
_KNOWN = ("0001", "0002", "0003", "0004")


@lru_cache(maxsize=8)
def _ready_engine(url: str, _pid: int) -> Engine:
    engine = shared_engine(url)
    create_if_missing(engine)
    return engine


def ready_engine(url: str) -> Engine:
    """The process's engine for a database that has today's schema; a new file gets it here.

    Raises:
        SchemaError: the schema is older (say how to upgrade) or newer than this code.
        StorageError: the file can't be opened or created.
    """
    return _ready_engine(url, os.getpid())


def revision(engine: Engine) -> str | None:
    """The schema's revision; none for an empty database."""
    with reading(engine) as connection:
        return _revision(connection)


def create_if_missing(engine: Engine) -> None:
    found = revision(engine)
    if found is None:
        migrate(engine)
    elif found != HEAD:
        _refuse(engine, found)


def upgrade(engine: Engine, now: datetime) -> Path | None:
    """Brings an older schema up to date, after a backup copy whose path is returned.

    Raises:
        SchemaError: the schema is newer than this code; nothing was changed.
    """
    found = revision(engine)
    if found == HEAD:
        return None
    if found is None:
        migrate(engine)
        return None
    if found not in _KNOWN:
        _refuse(engine, found)
    copy = back_up(engine, f"before-{HEAD}-{now:%Y%m%dT%H%M%S}")
    migrate(engine)
    return copy


def upgrade_apart(engine: Engine, now: datetime) -> Path | None:
    """As `upgrade`, in a process of its own: Alembic would hold 10 MB for as long as ours runs."""
    if revision(engine) == HEAD:
        return None
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 a producer never needs it
    from multiprocessing import get_context  # noqa: PLC0415 as above

    url = engine.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(1, get_context("spawn")) as once:
        return once.submit(_upgrade_at, url, now).result()


def _upgrade_at(url: str, now: datetime) -> Path | None:
    return upgrade(shared_engine(url), now)


def migrate(engine: Engine) -> None:
    """Runs the migrations in one transaction under the write lock, so that two processes take turns."""
    from alembic import command  # noqa: PLC0415 a producer only pays for it on a database's first use

    with migrating(engine) as connection:
        command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, with the migrations of the checkout or of the installed wheel."""
    from alembic.config import Config  # noqa: PLC0415 as in migrate

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrations_directory() -> Path:
    here = Path(__file__).parent
    packed = here / "migrations"
    return packed if packed.is_dir() else here.parents[1] / "migrations"


def back_up(engine: Engine, label: str) -> Path:
    """A copy beside the database."""
    source = maintenance.file_of(engine)
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        target = source.with_name(f"{source.name}.{label}{suffix}.backup")
        if not target.exists():
            maintenance.copy_to(engine, target)
            return target
    raise SchemaError(f"there are too many backups beside {source}: move some away.")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse(engine: Engine, found: str) -> None:
    place = engine.url.render_as_string()
    if found in _KNOWN:
        raise SchemaError(
            f"{place} has the older schema {found}. Start the daemon, which makes a backup and upgrades it, "
            "or run 'fairmind-sync db upgrade'."
        )
    raise SchemaError(
        f"{place} was written by a newer fairmind-sync (schema {found}; this version knows {HEAD}). "
        "Upgrade this installation: pip install --upgrade fairmind-sync. Nothing was changed."
    )
