"""The newest saved result of a test, with its payload: whose it is, and when there is none."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import deletion
from fairmind_sync.outbox.saved_results import newest_result
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import save

pytestmark = pytest.mark.both_databases


def found(engine: Engine, user_id: str | None = None, revision: int | None = None) -> object:
    """The results of the newest."""
    with reading(engine) as connection:
        result = newest_result(connection, "t", user_id, revision)
    return None if result is None else result.results["a"]


@pytest.fixture
def _three(engine: Engine) -> None:
    """Two revisions of one user, and then another user's."""
    for number, user in ((1, "u"), (2, "u"), (3, "v")):
        save(engine, "mlflow", test_id="t", user_id=user, results={"a": number})


@pytest.mark.usefixtures("_three")
def test_the_newest_of_all_users_is_found(engine: Engine) -> None:
    assert found(engine) == 3


@pytest.mark.usefixtures("_three")
@pytest.mark.parametrize(("revision", "number"), [(None, 2), (1, 1), (2, 2), (3, None)])
def test_a_user_finds_only_their_own(
    engine: Engine, revision: int | None, number: int | None
) -> None:
    assert found(engine, "u", revision) == number


@pytest.mark.usefixtures("_three")
def test_what_was_deleted_is_not_found(engine: Engine) -> None:
    with writing(engine) as connection:
        deletion.delete(connection, "t", "u", NOW)
    assert (found(engine, "u"), found(engine, "v")) == (None, 3)


def test_what_is_not_there_is_not_found(engine: Engine) -> None:
    assert found(engine) is None


def test_another_tests_results_are_not_found(engine: Engine) -> None:
    save(engine, test_id="else", results={"a": 1})
    assert found(engine) is None
