"""SQL that both databases run and spell differently: upsert,
random keys, and ids that go on after copied rows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, String, Table
from sqlalchemy.dialects.sqlite import dml as sqlite_dml
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fairmind_sync.storage import postgresql
from fairmind_sync.storage.engine import is_file

upsert = sqlite_insert
"""INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases know."""


@compiles(sqlite_dml.OnConflictDoNothing, "postgresql")
def _do_nothing(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None  # PostgreSQL's own clause has this attribute too
    return str(compiler.visit_on_conflict_do_nothing(clause, **options))


@compiles(sqlite_dml.OnConflictDoUpdate, "postgresql")
def _do_update(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None
    return str(compiler.visit_on_conflict_do_update(clause, **options))


class random_key(FunctionElement[str]):  # noqa: N801 it reads as a function of SQL
    """An SQL function: 32 random hexadecimal characters, others in each row."""

    type = String(32)
    inherit_cache = True


@compiles(random_key, "sqlite")
def _random_key_of_sqlite(_element: random_key, _compiler: object, **_options: object) -> str:
    return "lower(hex(randomblob(16)))"


@compiles(random_key, "postgresql")
def _random_key_of_postgresql(_element: random_key, _compiler: object, **_options: object) -> str:
    return "replace(gen_random_uuid()::text, '-', '')"


def continue_ids(connection: Connection, table: Table) -> None:
    """Has later rows get higher ids than the rows that were inserted with ids; SQLite does so by itself."""
    if "id" in table.c and not is_file(connection.engine):
        postgresql.continue_ids(connection, table)
