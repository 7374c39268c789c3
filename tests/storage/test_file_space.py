"""A SQLite file gives what it doesn't use any more back to the disk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.outbox import pruning
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.sqlite import sqlite_module
from fairmind_sync.storage.tables import results_table
from tests.support.clock import NOW
from tests.support.databases import opened
from tests.support.deliveries import delivered, save

DAY = timedelta(days=1)


def pages(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


def test_pruning_gives_space_back_to_the_disk(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_SPARE_PAGES", 0)
    delivered(engine)
    with writing(engine) as connection:
        connection.execute(update(results_table).values(results='"' + "x" * 1_000_000 + '"'))
    before = pages(engine)
    pruning.prune_all(engine, DAY, NOW + 2 * DAY)
    assert pages(engine) < before - 200


def test_compacting_makes_an_older_file_able_to_give_space_back(database_url: str) -> None:
    with opened(database_url) as engine:
        file = sqlite_file.file_of(engine)
    older = sqlite_module().connect(file)
    older.execute("PRAGMA auto_vacuum = NONE")
    older.execute("VACUUM")
    older.execute("CREATE TABLE notes (text TEXT)")
    older.close()
    with opened(database_url) as engine:
        sqlite_file.compact(engine)
        with reading(engine) as connection:
            mode = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar()
    assert mode == sqlite_file.INCREMENTAL


def test_compacting_takes_what_is_unused_out_of_the_file(engine: Engine) -> None:
    save(engine, results={"text": "x" * 1_000_000})
    with writing(engine) as connection:
        connection.execute(update(results_table).values(results="{}"))
    before, after = sqlite_file.compact(engine)
    assert (before > 1_000_000, after < 300_000) == (True, True)
