"""Which transactions take turns on PostgreSQL: the names of their locks."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import claims, deletion, saving
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.deliveries import save


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    taken: list[str] = []
    for module in (claims, deletion, saving):
        monkeypatch.setattr(module, "advisory_lock", lambda _connection, what: taken.append(what))
    return taken


@pytest.mark.parametrize(
    ("limits", "locks"),
    [({}, []), ({"most": 3}, ["claim mlflow"]), ({"most_a_second": 3}, ["claim mlflow"])],
)
def test_claims_of_a_provider_that_has_limits_take_turns(
    engine: Engine, turns: list[str], limits: dict[str, int], locks: list[str]
) -> None:
    with writing(engine) as connection:
        claims.room(connection, "mlflow", NOW, **limits)
    assert turns == locks


@pytest.mark.parametrize(("count", "locks"), [(1, []), (2, ["save many"])])
def test_saves_of_many_take_turns(
    engine: Engine, turns: list[str], count: int, locks: list[str]
) -> None:
    with writing(engine) as connection:
        saving.save_all(connection, [new_result() for _ in range(count)], (), NOW)
    assert turns == locks


def test_deletions_take_turns_where_there_is_something_to_delete(
    engine: Engine, turns: list[str]
) -> None:
    save(engine, test_id="t")
    with writing(engine) as connection:
        deletion.finish(connection, NOW)
        before = [*turns]
        deletion.delete(connection, "t", "user-1", NOW)
    assert (before, turns) == ([], ["deletion"])
