"""An upgrade that is killed in the middle leaves a database that opens, and upgrades."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.storage import schema, sqlite_file
from fairmind_sync.storage.engine import is_file
from tests.support import forked
from tests.support.databases import opened
from tests.support.diagonals import diagonals, one_of
from tests.support.older_database import held_by, older_database
from tests.support.processes import PATIENCE_S, command

STEPS = {
    "between two statements": "alembic.op.add_column = killed",
    "before the commit": "event.listen(Engine, 'commit', killed)",
}
STEPS_OF_FILE = STEPS | {"while the copy is made": "sqlite_file.reading = killed"}
IN_TURNS = diagonals(["sqlite", "postgresql"], [*STEPS])
IN_OTHER_TURNS = diagonals(["postgresql", "sqlite"], [*STEPS])
DIES = """
import os, signal
import alembic.op
from sqlalchemy import Engine, event
from fairmind_sync import cli
from fairmind_sync.storage import sqlite_file

def killed(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

{}
cli.main()
"""


@pytest.fixture
def older(empty_database_url: str) -> Iterator[Engine]:
    with older_database(empty_database_url) as engine:
        yield engine


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string()


def kill_upgrade(engine: Engine, step: str) -> None:
    ran = forked.run(
        *(DIES.format(STEPS_OF_FILE[step]), "db", "upgrade"),
        env=os.environ | {"FAIRMIND_SYNC_DATABASE_URL": url_of(engine)},
        timeout=PATIENCE_S,
        work=forked.text,
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def upgrade(engine: Engine) -> None:
    command("db", "upgrade", env={"FAIRMIND_SYNC_DATABASE_URL": url_of(engine)})


def contents(engine: Engine) -> tuple[str | None, list[Any], list[str]]:
    """The revision, results and deliveries of a database, and what is damaged in its file."""
    damage = sqlite_file.damage(engine) if is_file(engine) else []
    return schema.revision(engine), held_by(engine), damage


def opens_as_it_was(older: Engine, step: str) -> bool:
    before = contents(older)
    kill_upgrade(older, step)
    return contents(older) == before


def upgrades_with_all_that_it_holds(older: Engine, step: str) -> bool:
    _, *held = contents(older)
    kill_upgrade(older, step)
    upgrade(older)
    return contents(older) == (schema.HEAD, *held)


@pytest.mark.parametrize(("empty_database_url", "step"), IN_TURNS, indirect=["empty_database_url"])
def test_it_opens_as_it_was(older: Engine, step: str) -> None:
    assert opens_as_it_was(older, step)


@pytest.mark.parametrize(
    ("empty_database_url", "step"), IN_OTHER_TURNS, indirect=["empty_database_url"]
)
def test_it_upgrades_with_all_that_it_holds(older: Engine, step: str) -> None:
    assert upgrades_with_all_that_it_holds(older, step)


def test_a_file_opens_as_it_was_when_its_copy_was_not_done(older: Engine) -> None:
    assert opens_as_it_was(older, "while the copy is made")


def test_a_file_upgrades_when_its_copy_was_not_done(older: Engine) -> None:
    assert upgrades_with_all_that_it_holds(older, "while the copy is made")


@pytest.mark.parametrize("step", one_of([*STEPS_OF_FILE]))
def test_what_is_named_a_backup_is_whole(older: Engine, step: str) -> None:
    before = contents(older)
    kill_upgrade(older, step)
    upgrade(older)
    found = []
    for copy in sqlite_file.file_of(older).parent.glob("*.backup"):
        with opened(f"sqlite:///{copy}") as engine:
            found.append(contents(engine))
    assert found
    assert found == [before] * len(found)
