"""Deliveries that were saved while MLOPS_PROVIDER made no sense become those of the providers it names."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, update

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import enqueuing, retry_discard, undecided
from fairmind_sync.outbox.workload import pending
from fairmind_sync.results.states import DISCARDED
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table
from tests.support.databases import rows
from tests.support.deliveries import save
from tests.support.turns import in_turn


def owed(engine: Engine) -> list[tuple[int, str]]:
    return [(row.result_id, row.provider) for row in rows(engine, outbox_table)]


def decide(engine: Engine, *providers: str) -> int:
    with writing(engine) as connection:
        return undecided.decide(connection, providers, utc_now())


@pytest.mark.both_databases
def test_each_becomes_one_delivery_to_each_provider(engine: Engine) -> None:
    save(engine, "undecided", test_id="a")
    save(engine, "undecided", test_id="b")
    assert decide(engine, "wandb", "mlflow") == 2
    assert owed(engine) == [(1, "wandb"), (1, "mlflow"), (2, "wandb"), (2, "mlflow")]


@pytest.mark.both_databases
def test_what_a_provider_has_already_is_not_owed_again(engine: Engine) -> None:
    save(engine, "wandb", "undecided")
    decide(engine, "wandb", "mlflow")
    assert owed(engine) == [(1, "wandb"), (1, "mlflow")]


@pytest.mark.both_databases
def test_what_was_given_up_stays_given_up(engine: Engine) -> None:
    save(engine, "undecided")
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(status=DISCARDED, finished_at=utc_now()))
    assert decide(engine, "wandb") == 0
    assert owed(engine) == [(1, "undecided")]


@pytest.mark.both_databases
def test_the_counts_follow(engine: Engine) -> None:
    save(engine, "undecided")
    decide(engine, "wandb")
    with reading(engine) as connection:
        assert [pending(connection, name) for name in ("undecided", "wandb")] == [0, 1]


@pytest.mark.both_databases
def test_many_are_decided_part_by_part(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undecided, "MOST_IDS", 2)
    monkeypatch.setattr(enqueuing, "MOST_IDS", 2)
    for number in range(3):
        save(engine, "undecided", test_id=f"test-{number}")
    assert [decide(engine, "wandb") for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_is_given_up_meanwhile_stays_given_up(engine: Engine) -> None:
    save(engine, "undecided")

    def discard(connection: Connection) -> None:
        retry_discard.discard(connection, [1], "no use", utc_now())

    def decide_too(connection: Connection) -> None:
        assert undecided.decide(connection, ["mlflow"], utc_now()) == 0

    in_turn(engine, discard, decide_too)
    assert owed(engine) == [(1, "undecided")]
