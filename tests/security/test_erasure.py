"""What is erased can't be read any more, neither in the file nor in what SQLite keeps beside the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync import bias_test_results as service
from fairmind_sync.clock import utc_now
from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.operating import doctor
from fairmind_sync.outbox import idempotency, outcomes, pruning
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage import erasure, sqlite, sqlite_file
from fairmind_sync.storage.engine import autocommit, reading, writing
from fairmind_sync.storage.tables import attempts_table, idempotency_table, results_table
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.testing import new_result
from tests.support import backend_calls
from tests.support.clock import NOW
from tests.support.databases import opened, rows
from tests.support.deliveries import RUN, claim, save
from tests.support.processes import command

DAY = timedelta(days=1)
MARKS = [f"erase-me-{number:03}-please" for number in range(60)]
SIZES = (0, 100, 900, 3_000, 30_000)
"""Characters of a payload: many that share a page, one that fills a page, one that needs many."""


@pytest.fixture(autouse=True)
def _backend(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend_calls.enter(monkeypatch, database_url, "mlflow")


def save_all(engine: Engine) -> None:
    for number, mark in enumerate(MARKS):
        text = mark + "x" * SIZES[number % len(SIZES)] + mark
        save_one(engine, f"t-{number}", {"text": text}, {"note": mark})


def save_one(engine: Engine, test_id: str, results: object, metadata: object = None) -> None:
    content: dict[str, Any] = {"results": results, "metadata": metadata or {}}
    save(engine, "mlflow", test_id=test_id, user_id="user-1", **content)


def delete(test_id: str) -> bool:
    return service.delete_test_result_sync(test_id, "user-1")


def readable(engine: Engine) -> dict[str, list[str]]:
    """Which marks can be read in which file."""
    place = sqlite_file.file_of(engine).parent
    found = {file.name: _marks_in(file) for file in place.iterdir()}
    return {name: marks for name, marks in found.items() if marks}


def _marks_in(file: Path) -> list[str]:
    content = file.read_bytes()
    return [mark for mark in MARKS if mark.encode() in content]


@contextmanager
def reader(engine: Engine) -> Iterator[None]:
    """Somebody who looks at the database's state of now."""
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM bias_test_results").scalar_one()
        yield


def test_the_search_finds_what_is_there(engine: Engine) -> None:
    save_all(engine)
    assert {mark for marks in readable(engine).values() for mark in marks} == {*MARKS}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_deleted_payloads_are_gone_and_the_others_are_not(
    database_url: str, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(sqlite, "journal_mode", lambda: mode)
    with opened(database_url) as engine:
        save_all(engine)
        for number in range(0, len(MARKS), 2):
            assert delete(f"t-{number}")
        left = {mark for marks in readable(engine).values() for mark in marks}
    assert left == {*MARKS[1::2]}


def test_pruned_payloads_are_gone(engine: Engine) -> None:
    save_all(engine)
    claimed = claim(engine, limit=len(MARKS))
    with writing(engine) as connection:
        for delivery in claimed:
            outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    pruning.prune_all(engine, DAY, NOW + 9 * DAY)
    assert readable(engine) == {}


def test_what_was_under_way_is_gone_after_the_tidying(engine: Engine) -> None:
    save_one(engine, "t", {"text": MARKS[0]})
    (delivery,) = claim(engine, now=utc_now())
    delete("t")
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, MARKS[1], utc_now())
    Housekeeping(engine).tidy()
    assert readable(engine) == {}


def test_what_a_reader_holds_is_gone_after_the_next_tidying(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_PATIENCE_MS", 0)
    save_one(engine, "t", {"text": MARKS[0]})
    with reader(engine):
        delete("t")
        held = (erasure.is_owed(engine), readable(engine) != {})
    Housekeeping(engine).tidy()
    assert (held, erasure.is_owed(engine), readable(engine)) == ((True, True), False, {})


def test_doctor_tells_that_erased_content_is_still_there(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_in_worker", lambda *_arguments: None)
    with writing(engine) as connection:
        erasure.note_erasure(connection)
    (found,) = (one for one in doctor.examine() if one.check == "write-ahead log")
    assert (found.is_ok, "erased content" in found.detail) == (True, True)


def test_what_is_erased_while_the_log_is_emptied_is_not_forgotten(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = erasure._truncate

    def truncate_and_erase(engine: Engine) -> bool:
        is_empty = real(engine)
        with writing(engine) as connection:
            erasure.note_erasure(connection)
        return is_empty

    with writing(engine) as connection:
        erasure.note_erasure(connection)
    monkeypatch.setattr(erasure, "_truncate", truncate_and_erase)
    erasure.empty_log(engine)
    assert erasure.is_owed(engine)


def test_nothing_is_owed_where_nothing_was_erased(engine: Engine) -> None:
    save_all(engine)
    assert not delete("nobody's")
    assert not erasure.is_owed(engine)


def test_a_drain_without_a_daemon_empties_the_log(engine: Engine, database_url: str) -> None:
    with writing(engine) as connection:
        erasure.note_erasure(connection)
    env = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLOPS_PROVIDER": "mlflow"}
    command("drain", env=env | {"FAIRMIND_SYNC_DATABASE_URL": database_url})
    assert not erasure.is_owed(engine)


def by_deletion(_engine: Engine) -> None:
    delete("t")


def by_pruning(engine: Engine) -> None:
    pruning.prune_all(engine, DAY, NOW + 9 * DAY)


@pytest.mark.parametrize("erase", [by_deletion, by_pruning])
def test_what_a_provider_said_of_an_erased_payload_is_gone(
    engine: Engine, erase: Callable[[Engine], None]
) -> None:
    save_one(engine, "t", {"text": "a"})
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        refused, kind = f"the value {MARKS[0]} is too long", ErrorKind.REFUSED
        outcomes.record_retry(connection, delivery, kind, refused, due_at=NOW, now=NOW)
    if erase is by_pruning:
        (delivery,) = claim(engine)
        with writing(engine) as connection:
            outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    erase(engine)
    told = [row.last_error for row in rows(engine, deliveries)]
    told += [row.error for row in rows(engine, attempts_table)]
    assert (MARKS[0] in str(told), readable(engine)) == (False, {})


@pytest.mark.both_databases
def test_no_digest_of_deleted_content_is_left(engine: Engine) -> None:
    new = new_result(test_id="t", user_id="user-1")
    with writing(engine) as connection:
        idempotency.save_once(connection, "key", new, ["mlflow"], utc_now())
    delete("t")
    left = [*rows(engine, results_table), *rows(engine, idempotency_table)]
    assert new.digest not in {row.digest for row in left}


@pytest.mark.both_databases
def test_a_key_of_a_deleted_result_saves_nothing_whatever_comes_with_it(engine: Engine) -> None:
    with writing(engine) as connection:
        first = idempotency.save_once(
            connection, "key", new_result(test_id="t", user_id="user-1"), [], utc_now()
        )
    delete("t")
    with writing(engine) as connection:
        again = idempotency.save_once(
            connection, "key", new_result(test_id="u", user_id="user-1"), [], utc_now()
        )
    assert (again.result_id, again.is_new, len(rows(engine, results_table))) == (
        first.result_id,
        False,
        1,
    )


def test_compacting_takes_out_what_was_deleted_before_deleting_was_thorough(
    engine: Engine,
) -> None:
    save_all(engine)
    with autocommit(engine) as driver:
        driver.execute("PRAGMA secure_delete = OFF")
        driver.execute("UPDATE bias_test_results SET results = '{}', metadata = '{}'")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = readable(engine)
    sqlite_file.compact(engine)
    assert (before != {}, readable(engine)) == (True, {})


def test_a_backup_holds_nothing_that_was_erased_before(engine: Engine, tmp_path: Path) -> None:
    save_all(engine)
    for number in range(len(MARKS)):
        delete(f"t-{number}")
    sqlite_file.copy_to(engine, tmp_path / "copy.db")
    assert _marks_in(tmp_path / "copy.db") == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_is_owed_nothing(engine: Engine) -> None:
    save_one(engine, "t", {})
    delete("t")
    assert not erasure.is_owed(engine)
