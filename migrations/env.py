"""Migrates on the connection that `storage.schema` hands over, or on the settings' database for `alembic`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from fairmind_sync.settings import current_settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import open_engine
from fairmind_sync.storage.tables import UtcDateTime, metadata


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Renders our column type as SQLAlchemy's: migrations outlive our types."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
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
        run(connection)


main()
