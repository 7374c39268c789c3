"""An upgrade that is killed in the middle leaves a database that opens, and upgrades."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync import maintenance, schema
from fairmind_sync.database import open_engine
from tests.older_database import held_by, older_database
from tests.processes import command

STEPS = {
    "while the copy is made": "maintenance.reading = killed",
    "between two statements": "alembic.op.add_column = killed",
    "before the commit": "database._check_foreign_keys = killed",
}
DIES = """
import os, signal
import alembic.op
from fairmind_sync import cli, database, maintenance

def killed(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

{}
cli.main()
"""


def kill_upgrade(url: str, step: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", DIES.format(STEPS[step]), "db", "upgrade"],
        env=os.environ | {"FAIRMIND_SYNC_DATABASE_URL": url},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def contents(url: str) -> tuple[str | None, list[Any], list[str]]:
    """The revision, results and deliveries of a database, and what is damaged in it."""
    engine = open_engine(url)
    found = schema.revision(engine), held_by(engine), maintenance.damage(engine)
    engine.dispose()
    return found


@pytest.fixture
def older(database_url: str) -> str:
    older_database(database_url).dispose()
    return database_url


@pytest.mark.parametrize("step", STEPS)
def test_it_opens_as_it_was(older: str, step: str) -> None:
    before = contents(older)
    kill_upgrade(older, step)
    assert contents(older) == before


@pytest.mark.parametrize("step", STEPS)
def test_it_upgrades_with_all_that_it_holds(older: str, step: str) -> None:
    _, *held = contents(older)
    kill_upgrade(older, step)
    command("db", "upgrade", env={"FAIRMIND_SYNC_DATABASE_URL": older})
    assert contents(older) == (schema.HEAD, *held)


@pytest.mark.parametrize("step", STEPS)
def test_what_is_named_a_backup_is_whole(older: str, step: str) -> None:
    before = contents(older)
    kill_upgrade(older, step)
    command("db", "upgrade", env={"FAIRMIND_SYNC_DATABASE_URL": older})
    folder = Path(older.removeprefix("sqlite:///")).parent
    found = [contents(f"sqlite:///{copy}") for copy in folder.glob("*.backup")]
    assert found
    assert found == [before] * len(found)
