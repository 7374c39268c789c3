"""A transaction on the test's database; databases for tests that need a new one for each example."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import let_go, writing
from tests.outbox.copies import Copies
from tests.support.postgres import PostgresServer

NewDatabase: TypeAlias = Callable[[], AbstractContextManager[str]]


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """In a transaction that commits at the test's end."""
    with writing(engine) as connection:
        yield connection


@pytest.fixture
def copies(engine: Engine, tmp_path: Path) -> Iterator[Copies]:
    """A file, and the test's database, into which it is to be copied."""
    source = f"sqlite:///{tmp_path / 'source.db'}"
    yield Copies(schema.ready_engine(source), engine)
    let_go(source)


@contextmanager
def database_file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as place:
        yield f"sqlite:///{Path(place) / 'outbox.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Makes an empty one for each example; gives its URL."""
    if request.param == "sqlite":
        return database_file
    server: PostgresServer = request.getfixturevalue("postgres")

    @contextmanager
    def database_in_server() -> Iterator[str]:
        name = server.new_database_of_today()
        try:
            yield server.url(name)
        finally:
            server.drop(name)

    return database_in_server
