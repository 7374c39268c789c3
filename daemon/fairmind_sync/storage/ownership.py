"""Whose a database is: ours by our own version table, of an earlier version of ours, or another program's.

Up to schema 0006 our tables lay where another program's would: Alembic's own version table in a SQLite file,
the role's default schema in PostgreSQL. An upgrade moves them.
"""

from __future__ import annotations

from sqlalchemy import ColumnClause, Connection, Inspector, column, inspect, select, table, text
from sqlalchemy.exc import DBAPIError

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import current_time, is_file
from fairmind_sync.storage.tables import ALIVE_FOR, heartbeat_table, metadata
from fairmind_sync.storage.url import shown

VERSION_TABLE = "fairmind_sync_version"
FORMER = ("0001", "0002", "0003", "0004", "0005", "0006")
"""The schema's revisions whose tables lie at their former place."""
_FORMER_VERSION_TABLE = "alembic_version"
_OURS_ALONE = {"outbox": "delivery_key", "bias_test_results": "digest"}
"""A column of each table that tells it from another program's table of that name."""
_MARK = "delivery_attempts"
_TOLD = 3


class TablesMovedError(SchemaError):
    """The tables were moved to their own place in the moment in which they were looked at: look again."""


def schema_of(connection: Connection) -> str | None:
    """Returns the name of the schema that our tables are in; None in a SQLite file, which has no schemas."""
    return None if is_file(connection.engine) else postgresql.SCHEMA


def revision(connection: Connection) -> str | None:
    """Returns the revision of our tables; None where there are none."""
    place = schema_of(connection)
    if inspect(connection).has_table(VERSION_TABLE, schema=place):
        return _version_in(connection, VERSION_TABLE, place)
    return former_revision(connection)


def former_revision(connection: Connection) -> str | None:
    """Returns the revision of our tables at their former place; None where they aren't there."""
    place = connection.dialect.default_schema_name
    if not _are_ours(inspect(connection), place):
        return None
    version = _version_in(connection, _FORMER_VERSION_TABLE, place)
    return version if version in FORMER else None


def _are_ours(found: Inspector, place: str | None) -> bool:
    """Returns whether tables at their former place are ours, by their columns."""
    if not found.has_table(_FORMER_VERSION_TABLE, schema=place):
        return False
    return all(
        found.has_table(name, schema=place)
        and ours in {each["name"] for each in found.get_columns(name, schema=place)}
        for name, ours in _OURS_ALONE.items()
    )


def _version_in(connection: Connection, name: str, place: str | None) -> str | None:
    version: ColumnClause[str] = column("version_num")
    of_ours = select(version).select_from(table(name, schema=place))
    try:
        found: str | None = connection.execute(of_ours).scalar()
    except DBAPIError as error:
        if postgresql.is_missing_table(error):
            raise TablesMovedError from error
        raise
    return found


def tables_of(connection: Connection) -> list[str]:
    """Returns our tables in PostgreSQL, at their place and at their former one, quoted and in one order."""
    found, former = inspect(connection), str(connection.dialect.default_schema_name)
    names = {postgresql.SCHEMA: {*found.get_table_names(schema=postgresql.SCHEMA)}}
    if former != postgresql.SCHEMA and _are_ours(found, former):
        moved = {*metadata.tables, _FORMER_VERSION_TABLE}
        names[former] = moved & {*found.get_table_names(schema=former)}
    quoted = connection.dialect.identifier_preparer.quote
    return sorted(
        f"{quoted(place)}.{quoted(name)}" for place, ours in names.items() for name in ours
    )


def require_no_foreign_tables(connection: Connection) -> None:
    """Does nothing where our tables can be made without another program's tables beside them.

    Raises:
        SchemaError: another program's tables are there.
    """
    there = {*inspect(connection).get_table_names(schema=schema_of(connection))} - {VERSION_TABLE}
    if there:
        some = ", ".join(sorted(there)[:_TOLD]) + (", ..." if len(there) > _TOLD else "")
        what = "a file" if is_file(connection.engine) else "a database"
        raise SchemaError(
            f"{shown(connection.engine.url)} belongs to another program: it has the tables "
            f"{some}. Nothing was changed. Set FAIRMIND_SYNC_DATABASE_URL to {what} of its own."
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
    at = _FORMER_VERSION_TABLE if place is None else f"{place}.{_FORMER_VERSION_TABLE}"
    connection.execute(text(f"ALTER TABLE {at} RENAME TO {VERSION_TABLE}"))


def _change_schema(connection: Connection, former: str, place: str) -> None:
    """Moves tables, with their indexes, sequences and triggers, and the triggers' functions.

    A view is left behind that has a table's name: a version before this one, started later, would make all
    tables anew there and save into them; so it fails.
    """
    quoted = connection.dialect.identifier_preparer.quote_schema(former)
    there = inspect(connection).get_table_names(schema=former)
    for name in {*metadata.tables, _FORMER_VERSION_TABLE} & {*there}:
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
