"""Another program's Alembic project, with numbered revisions, in whatever database a test gives it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

_ENV = """
from alembic import context

with context.config.attributes["engine"].begin() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
_MIGRATION = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "{}", {}


def upgrade():
    op.create_table("{}", sa.Column("id", sa.Integer(), primary_key=True))
"""


class SecondProject:
    """It makes one table a revision, in the order of `tables`; its revisions are 0001, 0002 and so on."""

    def __init__(self, place: Path, url: str, *tables: str) -> None:
        self.engine = create_engine(url)
        self._config = Config()
        self._config.set_main_option("script_location", str(place))
        self._config.attributes["engine"] = self.engine
        (place / "versions").mkdir(parents=True)
        (place / "env.py").write_text(_ENV)
        for number, table in enumerate(tables, 1):
            before = repr(f"{number - 1:04}") if number > 1 else None
            made = _MIGRATION.format(f"{number:04}", before, table)
            (place / "versions" / f"{number:04}.py").write_text(made)

    def upgrade(self, revision: str = "head") -> None:
        command.upgrade(self._config, revision)

    def version(self) -> str:
        with self.engine.connect() as connection:
            found: str = connection.execute(
                text("SELECT version_num FROM alembic_version")
            ).scalar_one()
        return found
