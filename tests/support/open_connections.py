"""The connections to PostgreSQL that this process's engines have open, whoever made the engine."""

from __future__ import annotations

from typing import Any, TypeAlias
from weakref import WeakSet

import psycopg
from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.support.processes import eventually

_Made: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_made: WeakSet[_Made] = WeakSet()


@event.listens_for(Pool, "connect")
def _remember(connection: object, _entry: object) -> None:
    if isinstance(connection, psycopg.Connection):
        _made.add(connection)


def none_is_left(host: str, database: str | None = None, seconds: float = 60) -> None:
    """Waits for threads that still use theirs; a connection that is left is found here.

    Else it would be found in whatever test the garbage collector runs next.
    """

    def is_left(one: _Made) -> bool:
        return not one.closed and one.info.host == host and database in (None, one.info.dbname)

    def left() -> list[_Made]:
        return [one for one in [*_made] if is_left(one)]

    try:
        eventually(lambda: not left(), seconds)
    except AssertionError as error:
        found = left()
        told = f"an engine was not closed: {found}"
        for one in found:
            one.close()  # so that the next test doesn't fail for this one's
        raise AssertionError(told) from error
