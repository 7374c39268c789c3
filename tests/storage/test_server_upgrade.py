"""An upgrade of a PostgreSQL database: when its operator says so, and without a copy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import SchemaError
from fairmind_sync.storage import schema
from tests.support.clock import NOW
from tests.support.older_database import held_by, older_database
from tests.support.races import at_once

pytestmark = pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)

IMPORTS = """
import sys
from datetime import UTC, datetime
from alembic import command
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import open_engine
engine = open_engine(sys.argv[1])
"""
UPGRADE = "schema.upgrade(engine, datetime.now(UTC)); print(schema.revision(engine))"


@pytest.fixture
def older(empty_database_url: str) -> Iterator[Engine]:
    """A database of the first version."""
    with older_database(empty_database_url) as engine:
        yield engine


def test_a_daemon_refuses_an_older_schema_with_advice(older: Engine) -> None:
    expected = r"older schema 0001, .* backup with pg_dump, then run 'fairmind-sync db upgrade'"
    with pytest.raises(SchemaError, match=expected):
        schema.upgrade_apart(older)


def test_what_a_daemon_refuses_stays_as_it_is(older: Engine) -> None:
    before = held_by(older)
    with pytest.raises(SchemaError):
        schema.upgrade_apart(older)
    assert (schema.revision(older), held_by(older)) == ("0001", before)


def test_no_copy_is_made(older: Engine) -> None:
    assert schema.upgrade(older, NOW) is None


@pytest.mark.nightly  # started so close together, a host can lose a deadlock; it upgrades with its next try
def test_hosts_that_upgrade_at_once_all_succeed(older: Engine, empty_database_url: str) -> None:
    upgraded = at_once(IMPORTS, UPGRADE + "; engine.dispose()", *[[empty_database_url]] * 3)
    assert upgraded == [schema.HEAD] * 3
