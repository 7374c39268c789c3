"""What definitions of tables share: the register with names of constraints, the type of an id, checks of
allowed values, partial indexes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    TextClause,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def partial_index(name: str, where: TextClause, *columns: Column[Any]) -> None:
    """Of the rows that the condition lets through, in either database, as the migrations make it.

    To name PostgreSQL's condition, which is the same, would import PostgreSQL's dialect into each process.
    """
    Index(name, *columns, sqlite_where=where)


def provider_column(**options: Any) -> Column[str]:
    return Column("provider", String(16), nullable=False, **options)
