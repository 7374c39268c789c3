"""A database and its copy, and what either of them does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table

from fairmind_sync.outbox import copying, outcomes, retry_discard
from fairmind_sync.outbox.copy_rows import CopyReport
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import RUN, claim, save


class Copies:
    """A source, and a target into which nothing is copied yet."""

    def __init__(self, source: Engine, target: Engine) -> None:
        self.source, self.target = source, target

    def again(self) -> CopyReport:
        return copying.copy_between(self.source, self.target)

    def held(self, table: Table) -> tuple[list[Row[Any]], list[Row[Any]]]:
        """What the target holds, and what the source does."""
        return rows(self.target, table), rows(self.source, table)

    def statuses(self) -> list[str]:
        """Of the target's deliveries."""
        return [row.status for row in rows(self.target, outbox_table)]

    def delivery(self) -> Row[Any]:
        """The target's first one."""
        return rows(self.target, outbox_table)[0]


def use(engine: Engine) -> None:
    """Somebody saves."""
    save(engine, "mlflow", test_id="saved there")


def write(engine: Engine, act: Callable[..., Any], *values: Any) -> Any:
    """One transaction with one call of the outbox."""
    with writing(engine) as connection:
        return act(connection, *values)


def deliver(engine: Engine, run: Run = RUN, now: datetime = NOW) -> None:
    """What is due first is delivered."""
    (delivery,) = claim(engine, limit=1, now=now)
    write(engine, outcomes.record_delivered, delivery, run, "somewhere", now)


def refuse(engine: Engine) -> None:
    """What is due first is dead."""
    (delivery,) = claim(engine, limit=1)
    write(engine, outcomes.record_dead, delivery, ErrorKind.REJECTED, "too large", NOW)


def fail_and_refuse(engine: Engine) -> None:
    """What is due first fails twice, and is dead then."""
    for _ in range(2):
        (delivery,) = claim(engine, limit=1)
        with writing(engine) as connection:
            outcomes.record_retry(
                connection, delivery, ErrorKind.UNEXPECTED, "no", due_at=NOW, now=NOW
            )
    refuse(engine)


def begin_create(engine: Engine) -> None:
    """A worker asks for a run of what is due first, and ends; its lease is over."""
    (delivery,) = claim(engine, limit=1)
    write(engine, outcomes.note_creating, delivery, "somewhere", NOW)


def retry(connection: Connection) -> None:
    retry_discard.retry(connection, [1], NOW)
