"""Our tables where they lay up to schema 0006, among other programs' tables: recognises them by their
columns, and moves them to today's place.

The tables lay where another program's would: Alembic's own version table in a SQLite file, the role's default
schema in PostgreSQL. An upgrade moves them.
"""

from __future__ import annotations

from sqlalchemy import Connection, Inspector, inspect, select, text

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage.engine import current_time
from fairmind_sync.storage.tables import ALIVE_FOR, heartbeat_table, metadata
from fairmind_sync.storage.version_table import VERSION_TABLE, schema_of, version_in

FORMER = ("0001", "0002", "0003", "0004", "0005", "0006")
"""The schema's revisions whose tables lie at their former place."""
FORMER_VERSION_TABLE = "alembic_version"
_OURS_ALONE = {"outbox": "delivery_key", "bias_test_results": "digest"}
"""A column of each table that tells it from another program's table of that name."""
_MARK = "delivery_attempts"


def former_revision(connection: Connection) -> str | None:
    """Returns the revision of our tables at their former place; None where they aren't there."""
    place = connection.dialect.default_schema_name
    if not are_ours(inspect(connection), place):
        return None
    version = version_in(connection, FORMER_VERSION_TABLE, place)
    return version if version in FORMER else None


def are_ours(found: Inspector, place: str | None) -> bool:
    """Returns whether tables at their former place are ours, by their columns."""
    if not found.has_table(FORMER_VERSION_TABLE, schema=place):
        return False
    return all(
        found.has_table(name, schema=place)
        and ours in {each["name"] for each in found.get_columns(name, schema=place)}
        for name, ours in _OURS_ALONE.items()
    )


def require_no_daemon(connection: Connection) -> None:
    """Does nothing while no daemon works with the tables at their former place.

    Raises:
        SchemaError: a daemon was alive a moment ago.
    """
    former = connection.dialect.default_schema_name
    if not inspect(connection).has_table(heartbeat_table.name, schema=former):
        return
    seen = connection.execute(
        select(heartbeat_table.c.host, heartbeat_table.c.pid, heartbeat_table.c.seen_at),
        execution_options={"schema_translate_map": {None: former}},
    ).all()
    now = current_time(connection.engine)
    alive = [
        f"process {one.pid} on {one.host}" for one in seen if abs(now - one.seen_at) < ALIVE_FOR
    ]
    if alive:
        raise SchemaError(
            f"this upgrade moves all tables, and a daemon of the version before uses them: {alive[0]}. "
            "Nothing was changed. Stop every daemon and every program that saves, upgrade again, and start "
            "them with this version. (A daemon that was killed counts as alive for "
            f"{ALIVE_FOR.seconds} seconds.)"
        )


def move(connection: Connection) -> None:
    """Brings our tables from their former place to their own.

    Raises:
        SchemaError: a daemon works with them.
    """
    require_no_daemon(connection)
    former, place = connection.dialect.default_schema_name, schema_of(connection)
    if place is not None and former != place:
        _change_schema(connection, str(former), place)
    at = FORMER_VERSION_TABLE if place is None else f"{place}.{FORMER_VERSION_TABLE}"
    connection.execute(text(f"ALTER TABLE {at} RENAME TO {VERSION_TABLE}"))


def _change_schema(connection: Connection, former: str, place: str) -> None:
    """Moves tables, with their indexes, sequences and triggers, and the triggers' functions.

    A view is left behind that has a table's name: a version before this one, started later, would make all
    tables anew there and save into them; so it fails.
    """
    quoted = connection.dialect.identifier_preparer.quote_schema(former)
    there = inspect(connection).get_table_names(schema=former)
    for name in {*metadata.tables, FORMER_VERSION_TABLE} & {*there}:
        connection.execute(text(f"ALTER TABLE {quoted}.{name} SET SCHEMA {place}"))
    functions = text(
        "SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace"
        " WHERE nspname = :former AND starts_with(proname, 'fairmind_sync_')"
    )
    for name in connection.execute(functions, {"former": former}).scalars().all():
        connection.execute(text(f"ALTER FUNCTION {quoted}.{name}() SET SCHEMA {place}"))
    note = (
        f"fairmind-sync has moved to the schema {place}; drop this view when no older version runs"
    )
    connection.execute(text(f"CREATE VIEW {quoted}.{_MARK} AS SELECT '{note}' AS note"))
