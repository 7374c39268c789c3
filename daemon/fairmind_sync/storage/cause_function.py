"""The cause of an error text as an SQL function, by which rows are
grouped and filtered, in both databases.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fairmind_sync.results.error_causes import (
    LEFT_OUT,
    LONGEST_CAUSE,
    VARYING,
    cause_in,
    causes_meant,
)

_NAME = "fairmind_cause"


class cause_of(FunctionElement[str]):  # noqa: N801 it reads as a function of SQL
    """An SQL function: what `cause_in` returns of a column."""

    type = Text()
    inherit_cache = True


def has_cause(error: Column[Any], given: str) -> list[ColumnElement[bool]]:
    """Returns the conditions that the error has the given cause; it is sought in errors alone."""
    meant = causes_meant(given)
    is_error = [] if LEFT_OUT in meant else [error.is_not(None)]
    return [*is_error, cause_of(error).in_(sorted(meant))]


def teach(connection: Any) -> None:
    """Has a connection to a SQLite file know the function."""
    connection.create_function(_NAME, 1, cause_in, deterministic=True)


@compiles(cause_of, "sqlite")
def _cause_of_sqlite(element: cause_of, compiler: Any, **options: Any) -> str:
    return f"{_NAME}({compiler.process(element.clauses, **options)})"


@compiles(cause_of, "postgresql")
def _cause_of_postgresql(element: cause_of, compiler: Any, **options: Any) -> str:
    error = compiler.process(element.clauses, **options)
    pattern = VARYING.replace("'", "''")
    replaced = f"regexp_replace(split_part({error}, chr(10), 1), '{pattern}', '{LEFT_OUT}', 'g')"
    return f"coalesce(nullif(left({replaced}, {LONGEST_CAUSE}), ''), '{LEFT_OUT}')"
