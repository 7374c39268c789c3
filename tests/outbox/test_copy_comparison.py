"""By which columns a copy tells its own rows from others, and which of two rows has come further."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table, insert, update

from fairmind_sync.errors import CopyError
from fairmind_sync.outbox import copying, idempotency
from fairmind_sync.outbox.copy_rows import CopyReport
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import shared_engine, writing
from fairmind_sync.storage.tables import (
    attempt_counts_table,
    attempts_table,
    idempotency_table,
    latency_counts_table,
    outbox_table,
    results_table,
)
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import delivered, save

LATER = NOW + timedelta(days=1)


class Copy:
    """Two files: the source, and what was copied out of it."""

    def __init__(self, place: Path) -> None:
        self._urls = [f"sqlite:///{place / name}.db" for name in ("source", "target")]
        self.source = schema.ready_engine(self._urls[0])
        delivered(self.source)
        with writing(self.source) as connection:
            idempotency.save_once(connection, "key", new_result(test_id="other"), ["mlflow"], NOW)
        self.again()
        self.target = shared_engine(self._urls[1])

    def again(self) -> CopyReport:
        return copying.copy(self._urls[0], self._urls[1])

    def close(self) -> None:
        for engine in (self.source, self.target):
            engine.dispose()


@pytest.fixture
def copy(tmp_path: Path) -> Any:
    made = Copy(tmp_path)
    yield made
    made.close()


def set_first(engine: Engine, table: Table, **values: Any) -> None:
    (first, *_) = table.primary_key
    key = rows(engine, table)[0][0]
    with writing(engine) as connection:
        connection.execute(update(table).where(first == key).values(values))


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (results_table, {"user_id": "another"}),
        (results_table, {"test_id": "another"}),
        (results_table, {"revision": 7}),
        (outbox_table, {"delivery_key": "0" * 32}),
        (attempts_table, {"lease_token": "0" * 32}),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else str(*value),
)
def test_a_row_that_is_another_one_with_the_same_id_is_refused(
    copy: Copy, table: Table, changes: dict[str, Any]
) -> None:
    set_first(copy.target, table, **changes)
    before = rows(copy.target, table)
    words = (
        " holds other results than the source. Copy into an empty database, "
        "or into one that an earlier copy of the same source has made."
    )
    with pytest.raises(CopyError, match=f"{re.escape(words)}$"):
        copy.again()
    assert rows(copy.target, table) == before


PROGRESS: list[tuple[Table, dict[str, Any]]] = [
    (results_table, {"deleted_at": LATER}),
    (results_table, {"erased_at": LATER}),
    (outbox_table, {"attempts": 2}),
    (outbox_table, {"create_attempted_at": LATER}),
    (attempt_counts_table, {"count": 2}),
    (latency_counts_table, {"count": 2}),
]
each_progress = pytest.mark.parametrize(
    ("table", "changes"),
    PROGRESS,
    ids=lambda value: value.name if isinstance(value, Table) else str(*value),
)


def used(copy: Copy) -> None:
    """Somebody saved into the target too."""
    save(copy.target, "mlflow", test_id="saved there")


@each_progress
def test_a_row_that_has_come_further_at_the_source_is_taken_over(
    copy: Copy, table: Table, changes: dict[str, Any]
) -> None:
    used(copy)
    set_first(copy.source, table, **changes)
    report = copy.again()
    assert (report.updated, report.ahead) == (1, 0)
    assert rows(copy.target, table)[0] == rows(copy.source, table)[0]


@each_progress
def test_a_row_that_has_come_further_in_a_used_target_stays(
    copy: Copy, table: Table, changes: dict[str, Any]
) -> None:
    used(copy)
    set_first(copy.target, table, **changes)
    before = rows(copy.target, table)
    report = copy.again()
    assert (report.updated, report.ahead, rows(copy.target, table)) == (0, 1, before)


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (results_table, {"erased_at": LATER}),
        (outbox_table, {"attempts": 2}),
        (outbox_table, {"create_attempted_at": LATER}),
        (idempotency_table, {"result_id": 1}),
        (latency_counts_table, {"count": 2}),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else str(*value),
)
def test_a_target_that_nobody_used_follows_its_source_back(
    copy: Copy, table: Table, changes: dict[str, Any]
) -> None:
    set_first(copy.target, table, **changes)
    report = copy.again()
    assert (report.added + report.updated, report.ahead) == (1, 0)
    assert rows(copy.target, table) == rows(copy.source, table)


def test_an_end_at_the_source_counts_more_than_attempts_in_the_target(copy: Copy) -> None:
    used(copy)
    waits = {"status": "pending", "finished_at": None, "run_id": None, "attempts": 9}
    set_first(copy.target, outbox_table, **waits)
    copy.again()
    assert rows(copy.target, outbox_table)[0] == rows(copy.source, outbox_table)[0]


def test_a_target_in_which_only_an_attempt_is_newer_was_used(copy: Copy) -> None:
    with writing(copy.target) as connection:
        attempt = {"delivery_id": 1, "lease_token": "t", "worker": "w", "started_at": NOW}
        connection.execute(insert(attempts_table).values(attempt))
    set_first(copy.target, outbox_table, attempts=9)
    assert copy.again().ahead == 1


def test_reports_of_parts_add_up() -> None:
    assert CopyReport(1, 2, 3, 4) + CopyReport(10, 20, 30, 40) == CopyReport(11, 22, 33, 44)
