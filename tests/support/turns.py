"""Two transactions of a PostgreSQL server of which one waits for the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Connection, Engine

from fairmind_sync.storage.engine import writing
from tests.support.databases import is_waiting
from tests.support.processes import eventually


def in_turn(
    engine: Engine,
    first: Callable[[Connection], object],
    second: Callable[[Connection], object],
    *,
    then: Callable[[Connection], object] = lambda _connection: None,
) -> None:
    """The second begins while the first is not yet committed, and waits for it.

    Once it waits, the first goes on by `then`, and commits.
    """

    def work() -> None:
        with writing(engine) as connection:
            second(connection)

    with ThreadPoolExecutor(1) as threads:
        with writing(engine) as connection:
            first(connection)
            other: Future[None] = threads.submit(work)
            eventually(lambda: other.done() or is_waiting(engine))
            then(connection)
        other.result(timeout=240)
