"""The table that holds the schema's revision: its name, the
PostgreSQL schema that it is in, and how it is read.
"""

from __future__ import annotations

from sqlalchemy import ColumnClause, Connection, column, select, table
from sqlalchemy.exc import DBAPIError

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import is_file

VERSION_TABLE = "fairmind_sync_version"


class TablesMovedError(SchemaError):
    """The tables were moved to their own place in the moment in which they were looked at: look again."""


def schema_of(connection: Connection) -> str | None:
    """Returns the name of the schema that our tables are in; None in a SQLite file, which has no schemas."""
    return None if is_file(connection.engine) else postgresql.SCHEMA


def version_in(connection: Connection, name: str, place: str | None) -> str | None:
    """Returns the revision that the table of that name holds.

    Raises:
        TablesMovedError: the table is there no more.
    """
    version: ColumnClause[str] = column("version_num")
    of_ours = select(version).select_from(table(name, schema=place))
    try:
        found: str | None = connection.execute(of_ours).scalar()
    except DBAPIError as error:
        if postgresql.is_missing_table(error):
            raise TablesMovedError from error
        raise
    return found
