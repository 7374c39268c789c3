"""What a copy refuses, and what it says then: from one file into another."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.errors import CopyError
from fairmind_sync.outbox import copying
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.tables import results_table
from tests.support.databases import rows
from tests.support.deliveries import claim, save

MANY = 5


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'target.db'}"


def saved(url: str, count: int = 1) -> None:
    engine = schema.ready_engine(url)
    for _ in range(count):
        save(engine, "mlflow", now=current_time(engine))


def refusal(source: str, target: str) -> str:
    with pytest.raises(CopyError) as refused:
        copying.copy(source, target)
    return str(refused.value)


def test_a_database_is_not_copied_into_itself(database_url: str) -> None:
    assert refusal(database_url, database_url) == "source and target are the same database."


def test_a_file_that_is_not_there_is_no_source(target: str, tmp_path: Path) -> None:
    there = tmp_path / "nothing.db"
    assert refusal(f"sqlite:///{there}", target) == f"there is no database {there} to copy."


@pytest.mark.parametrize("end", [0, 1])
def test_a_database_that_a_daemon_works_on_is_refused(
    database_url: str, target: str, end: int
) -> None:
    at_work = (database_url, target)[end]
    engine = schema.ready_engine(at_work)
    with writing(engine) as connection:
        Heartbeat("host").beat(connection, current_time(engine))
    told = refusal(database_url, target)
    assert told.startswith(f"a daemon works on {at_work}. Stop it, wait ")


@pytest.mark.parametrize("end", [0, 1])
def test_deliveries_under_way_are_told_with_their_database(
    database_url: str, target: str, end: int
) -> None:
    at_work = (database_url, target)[end]
    saved(at_work)
    engine = schema.ready_engine(at_work)
    claim(engine, now=current_time(engine))
    assert refusal(database_url, target).startswith(f"deliveries of {at_work} are under way. Let ")


def test_other_results_are_told_with_their_database(database_url: str, target: str) -> None:
    saved(database_url)
    saved(target)
    assert refusal(database_url, target).startswith(f"{target} holds other results than the source")


def test_what_is_used_meanwhile_is_told_and_copied_the_next_time(
    database_url: str, target: str
) -> None:
    saved(database_url)
    meanwhile = iter([lambda: saved(database_url)])
    with pytest.raises(CopyError) as refused:
        copying.copy(database_url, target, lambda _read: next(meanwhile, lambda: None)())
    assert str(refused.value).startswith(f"{database_url} was used meanwhile. What it held")
    assert copying.copy(database_url, target).added > 0
    assert len(rows(schema.ready_engine(target), results_table)) == 2


def test_progress_is_the_rows_that_were_read_so_far(
    database_url: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "AT_ONCE", 2)
    saved(database_url, MANY)
    told: list[int] = []
    report = copying.copy(database_url, target, told.append)
    assert (told[:3], told[-1]) == ([2, 4, 5], report.read)
    assert len(rows(schema.ready_engine(target), results_table)) == MANY
