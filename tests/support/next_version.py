"""A version further on than this code is, with a migration of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from fairmind_sync.storage import schema

NextVersion: TypeAlias = Callable[[str], None]
_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9000", "{}"


def upgrade():
    {}
"""


def pretend(place: Path, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """From here on this code is that version, whose migration does what the statement says."""
    head = schema.HEAD
    migrations = place / "migrations"
    shutil.copytree(schema.migrations_directory(), migrations)
    (migrations / "versions" / "9000_next.py").write_text(_MIGRATION.format(head, statement))
    monkeypatch.setattr(schema, "migrations_directory", lambda: migrations)
    monkeypatch.setattr(schema, "HEAD", "9000")
    monkeypatch.setattr(schema, "_KNOWN", (head, "9000"))
