"""Looks into a database: which of our tables are there, at which schema revision, or whether it is empty;
refuses one with another program's tables.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import is_file
from fairmind_sync.storage.former_place import FORMER_VERSION_TABLE, are_ours, former_revision
from fairmind_sync.storage.tables import metadata
from fairmind_sync.storage.url import shown
from fairmind_sync.storage.version_table import VERSION_TABLE, schema_of, version_in

_TOLD = 3


def revision(connection: Connection) -> str | None:
    """Returns the revision of our tables; None where there are none."""
    place = schema_of(connection)
    if inspect(connection).has_table(VERSION_TABLE, schema=place):
        return version_in(connection, VERSION_TABLE, place)
    return former_revision(connection)


def revision_or_room(connection: Connection) -> str | None:
    """Returns the schema's revision; None for an empty database that can take our tables."""
    found = revision(connection)
    if found is None:
        require_no_foreign_tables(connection)
        if not is_file(connection.engine):
            postgresql.require_unicode(connection)
    return found


def tables_of(connection: Connection) -> list[str]:
    """Returns our tables in PostgreSQL, at their place and at their former one, quoted and in one order."""
    found, former = inspect(connection), str(connection.dialect.default_schema_name)
    names = {postgresql.SCHEMA: {*found.get_table_names(schema=postgresql.SCHEMA)}}
    if former != postgresql.SCHEMA and are_ours(found, former):
        moved = {*metadata.tables, FORMER_VERSION_TABLE}
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
