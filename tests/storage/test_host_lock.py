"""The lock that one process of a host holds for a database."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import StorageError
from fairmind_sync.storage.engine import is_file
from fairmind_sync.storage.host_lock import HostLock

pytestmark = pytest.mark.both_databases

HOLD = """
import sys
from fairmind_sync.storage.engine import open_engine
from fairmind_sync.storage.host_lock import HostLock

lock = HostLock(open_engine(sys.argv[1]), "test")
print(lock.take(), flush=True)
"""
WAIT = "sys.stdin.read()"
FORK = "import os; os.fork() or sys.stdin.read()"


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def lock(engine: Engine) -> Iterator[HostLock]:
    lock = HostLock(engine, "test")
    yield lock
    lock.release()


def test_one_at_a_time_holds_the_lock(lock: HostLock, engine: Engine) -> None:
    assert (lock.take(), HostLock(engine, "test").take()) == (True, False)


def test_who_holds_the_lock_may_take_it_again(lock: HostLock) -> None:
    assert (lock.take(), lock.take()) == (True, True)


def test_what_is_released_can_be_taken(lock: HostLock, engine: Engine) -> None:
    lock.take()
    lock.release()
    other = HostLock(engine, "test")
    assert other.take()
    other.release()


def test_a_killed_process_holds_no_lock(lock: HostLock, database_url: str) -> None:
    holding = [sys.executable, "-c", HOLD + WAIT, database_url]
    with subprocess.Popen(
        holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        held = (other.stdout.readline().strip(), lock.take())
        other.kill()
        other.wait()
    assert (held, lock.take()) == (("True", False), True)


def test_a_forked_child_holds_no_lock(lock: HostLock, database_url: str) -> None:
    forking = [sys.executable, "-c", HOLD + FORK, database_url]
    with subprocess.Popen(forking, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.wait()  # the child lives as long as its standard input is open
        assert lock.take()


def test_a_lock_without_a_place_is_an_error(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    if is_file(engine):
        Path(f"{engine.url.database}.test").mkdir()
    with pytest.raises(StorageError, match="can't lock for this host"):
        HostLock(engine, "test").take()


def test_a_file_of_another_user_is_no_lock(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StorageError, match="belongs to another user"):
        HostLock(engine, "test").take()
