"""Nobody ever reads, lists, counts or deletes another user's results, whatever their ids are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from fairmind_sync import bias_test_results as service
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import results_table
from tests.support import backend_calls
from tests.support.backend_calls import get, listed, save

pytestmark = pytest.mark.both_databases

EXAMPLES = 100 if settings.get_current_profile_name() == "nightly" else 15
USERS = ("alice", "Alice", "alice ", "ali%", "_lice", None)
TESTS = ("t", "T", "t%")
Owned: TypeAlias = tuple[str | None, str]

steps = st.lists(
    st.tuples(st.sampled_from(("save", "save", "delete")), st.sampled_from(USERS))
    .flatmap(lambda step: st.tuples(st.just(step), st.sampled_from(TESTS)))
    .map(lambda found: (*found[0], found[1])),
    max_size=10,
)


@pytest.fixture(autouse=True)
def _backend(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend_calls.enter(monkeypatch, database_url, "none")


def without_results(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(delete(results_table))


def played(given_steps: list[tuple[str, str | None, str]]) -> Iterator[tuple[bool, bool]]:
    """Whether each delete found something, and whether it should have."""
    owned: dict[Owned, int] = {}
    for number, (what, user, test) in enumerate(given_steps):
        if what == "save":
            save(test, user_id=user, results={"step": number})
            owned[user, test] = number
        else:
            expected = owned.pop((user, test), None) is not None
            yield service.delete_test_result_sync(test, user), expected
    for user in USERS:
        mine = [test for owner, test in owned if owner == user]
        yield sorted(listed(user)) == sorted(mine), True
        yield service.get_test_statistics_sync(user)["total_tests"] == len(mine), True
        for test in TESTS:
            found = service.get_test_result_sync(test, user)
            step = None if found is None else found["results"]["step"]
            yield step == owned.get((user, test)), True


@settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(given_steps=steps)
def test_a_user_has_only_what_that_user_saved(
    engine: Engine, given_steps: list[tuple[str, str | None, str]]
) -> None:
    without_results(engine)
    found = list(played(given_steps))
    assert [seen for seen, _ in found] == [expected for _, expected in found]


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_result_of_no_user_belongs_to_none(nobody: str | None) -> None:
    save(user_id=nobody)
    assert get(user_id=None)["user_id"] is None


@pytest.mark.parametrize("nobody", [None, ""])
def test_no_user_and_an_empty_user_are_one(nobody: str | None) -> None:
    save(user_id=None)
    assert listed(nobody) == ["t"]


def test_a_user_does_not_find_a_result_of_no_user() -> None:
    save(user_id=None)
    assert service.get_test_result_sync("t", "user-1") is None


def test_no_user_does_not_find_a_users_result() -> None:
    save(user_id="user-1")
    assert service.get_test_result_sync("t", None) is None
