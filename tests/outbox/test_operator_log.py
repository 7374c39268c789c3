"""Who did what: which actions are kept, with whom, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync import bias_test_results
from fairmind_sync.operating import actions
from fairmind_sync.outbox import operator_log
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.operator_log import Actor, OperatorAction
from fairmind_sync.storage.engine import reading
from tests.support.deliveries import dead, save

ANN = Actor("ann", "page from 10.0.0.7")


def kept(engine: Engine) -> list[OperatorAction]:
    with reading(engine) as connection:
        return operator_log.newest(connection, 100)


def told(engine: Engine) -> list[tuple[Any, ...]]:
    return [
        (one.action, one.who, one.origin, one.provider, one.subject, one.count, one.reason)
        for one in kept(engine)
    ]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda to: actions.retry(to, [1], ANN), ("retry", None, "delivery 1", 1, None)),
        (
            lambda to: actions.discard(to, [1, 2], "withdrawn", ANN),
            ("discard", None, "deliveries 1, 2", 1, "withdrawn"),
        ),
        (lambda to: actions.pause(to, "mlflow", ANN), ("pause", "mlflow", "mlflow", 1, None)),
        (
            lambda to: actions.backfill(to, "wandb", by=ANN),
            ("backfill", "wandb", "results without a delivery", 1, None),
        ),
        (
            lambda to: actions.retry_all(to, RunFilter(provider="mlflow"), ANN),
            ("retry", None, "dead deliveries at mlflow", 1, None),
        ),
        (
            lambda to: actions.discard_all(to, RunFilter(status="dead", error="too"), "old", ANN),
            ("discard", None, "dead deliveries whose error has \u201ctoo\u201d", 1, "old"),
        ),
    ],
    ids=["retry", "discard", "pause", "backfill", "retry all", "discard all"],
)
def test_an_action_is_kept_with_who_did_it(engine: Engine, act: Any, expected: Any) -> None:
    dead(engine)
    act(engine)
    action, *others = expected
    assert told(engine) == [(action, "ann", "page from 10.0.0.7", *others)]


def test_a_resume_is_kept_after_its_pause(engine: Engine) -> None:
    actions.pause(engine, "mlflow", ANN)
    actions.resume(engine, "mlflow", ANN)
    assert [one.action for one in kept(engine)] == ["resume", "pause"]


@pytest.mark.parametrize(
    "act",
    [
        lambda to: actions.retry(to, [7], ANN),
        lambda to: actions.discard(to, [7], "why", ANN),
        lambda to: actions.resume(to, "mlflow", ANN),
        lambda to: actions.backfill(to, "mlflow", by=ANN),
    ],
    ids=["retry", "discard", "resume", "backfill"],
)
def test_what_changed_nothing_is_not_kept(engine: Engine, act: Any) -> None:
    act(engine)
    assert kept(engine) == []


def test_where_nobody_is_named_the_account_and_host_are(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fairmind_sync.outbox.operator_log.socket.gethostname", lambda: "laboratory"
    )
    monkeypatch.setattr("fairmind_sync.outbox.operator_log._account", lambda: "lab")
    actions.pause(engine, "mlflow")
    assert [(one.who, one.origin) for one in kept(engine)] == [("lab", "Python on laboratory")]


def test_an_account_without_a_name_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("no such account")

    monkeypatch.setattr("fairmind_sync.outbox.operator_log.getpass.getuser", fail)
    operator_log._account.cache_clear()
    assert operator_log.of_this_process().who == "an account without a name"
    operator_log._account.cache_clear()


def test_a_deletion_is_kept_with_the_user_of_the_result(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairmind_sync.bias_test_results._engine", lambda: engine)
    save(engine, "mlflow", test_id="t", user_id="ann")
    assert bias_test_results.delete_test_result_sync("t", "ann")
    (one,) = kept(engine)
    assert (one.action, one.who, one.subject, one.count) == ("delete", "user ann", "test t", 1)


@pytest.mark.parametrize(
    ("ids", "named"),
    [([7], "delivery 7"), (range(1, 21), f"deliveries {', '.join(map(str, range(1, 21)))}")],
)
def test_a_short_list_is_named_whole(ids: Sequence[int], named: str) -> None:
    assert operator_log.deliveries_named(ids) == named


def test_a_long_list_is_named_by_its_beginning() -> None:
    named = operator_log.deliveries_named(range(1, 31))
    assert named.startswith("deliveries 1, 2, 3,")
    assert named.endswith(", 20 and 10 more")


def test_older_actions_come_after_the_page_before(engine: Engine) -> None:
    for _ in range(3):
        actions.pause(engine, "mlflow", ANN)
        actions.resume(engine, "mlflow", ANN)
    newest = kept(engine)
    with reading(engine) as connection:
        older = operator_log.newest(connection, 2, before=newest[1].id)
    assert older == newest[2:4]
