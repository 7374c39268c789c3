"""Migrates on the connection that `storage.schema` hands over, or on the settings' database for `alembic`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from fairmind_sync.settings import current_settings
from fairmind_sync.storage import former_place, schema, version_table
from fairmind_sync.storage.column_types import UtcDateTime
from fairmind_sync.storage.engine import open_engine
from fairmind_sync.storage.tables import metadata


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Renders our column type as SQLAlchemy's: migrations outlive our types."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _is_of_the_models(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name != version_table.VERSION_TABLE


def run(connection: Connection) -> None:
    if former_place.former_revision(connection) is not None:
        former_place.move(connection)
    context.configure(
        connection=connection,
        include_name=_is_of_the_models,
        version_table=version_table.VERSION_TABLE,
        version_table_schema=version_table.schema_of(connection),
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    handed_over = context.config.attributes.get("connection")
    if handed_over is not None:
        run(handed_over)
        return
    engine = open_engine(current_settings().database_url)
    with schema.migrating(engine) as connection:
        # Autogeneration compares the models, which name no schema, with the one that is the default.
        connection.dialect.default_schema_name = version_table.schema_of(connection)
        run(connection)


main()
