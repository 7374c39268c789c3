"""A result is deleted at the command line: asked first, kept with who did it, and of one user alone."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import operator_log
from fairmind_sync.storage.engine import reading
from tests.support.deliveries import save
from tests.support.processes import command


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    """Two revisions of a test of ann's, which wait for MLflow."""
    for number in (1, 2):
        save(engine, "mlflow", test_id="t", user_id="ann", results={"n": number})
    return {"FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string()}


def deleted(env: dict[str, str], *words: str) -> tuple[int, str]:
    ended = command("results", "delete", *words, env=env, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def there(env: dict[str, str]) -> list[str]:
    found = json.loads(command("results", "list", "--json", env=env).stdout)
    return sorted(f"{one['test_id']} of {one['user_id'] or 'nobody'}" for one in found)


def test_without_a_yes_nothing_is_deleted_and_what_would_be_is_told(env: dict[str, str]) -> None:
    code, said = deleted(env, "t")
    assert (code, there(env)) == (1, ["t of ann"])
    assert said.startswith("fairmind-sync: 2 revisions of test t of user ann would be erased")


def test_a_result_is_deleted_and_its_deliveries_are_discarded(env: dict[str, str]) -> None:
    assert deleted(env, "t", "--yes") == (0, "deleted test t of user ann: 2 revisions\n")
    runs = json.loads(command("runs", "--json", env=env).stdout)
    assert (there(env), [one["status"] for one in runs]) == ([], ["discarded", "discarded"])


def test_who_deleted_it_is_kept(env: dict[str, str], engine: Engine) -> None:
    deleted(env, "t", "--yes")
    with reading(engine) as connection:
        (one,) = operator_log.newest(connection, 1)
    assert (one.action, one.subject, one.count) == ("delete", "test t", 2)
    assert one.origin.startswith("command line")


def test_of_a_test_of_two_users_one_has_to_be_named(env: dict[str, str], engine: Engine) -> None:
    save(engine, test_id="t", user_id="")
    code, said = deleted(env, "t", "--yes")
    assert (code, there(env)) == (1, ["t of ann", "t of nobody"])
    assert "--user-id" in said
    deleted(env, "t", "--user-id", "", "--yes")
    assert there(env) == ["t of ann"]


def test_what_is_not_there_is_told(env: dict[str, str]) -> None:
    code, said = deleted(env, "other", "--yes")
    assert code == 1
    assert "no such result of a test 'other' is saved here" in said
