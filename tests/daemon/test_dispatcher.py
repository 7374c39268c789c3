"""Which drains start when somebody looks, and when to look next."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon.dispatcher import SHORTEST_WAIT
from fairmind_sync.outbox import provider_state
from fairmind_sync.provider_names import UNDECIDED
from fairmind_sync.relay import worker_count
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, provider_table
from tests.daemon.conftest import standing
from tests.daemon.fakes import Stand, save_due
from tests.support.clock import Clock
from tests.support.deliveries import claim, delivered, save

SECOND = timedelta(seconds=1)


def test_where_nothing_waits_nothing_starts_and_nothing_is_looked_for(stand: Stand) -> None:
    assert (stand.look(), stand.next_look) == ([], None)


def test_a_drain_starts_for_the_provider_that_has_something_due(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    assert stand.look() == [("mlflow", False, False)]


def test_each_provider_has_a_drain_of_its_own(stand: Stand) -> None:
    save_due(stand.engine, "mlflow", "wandb")
    assert [name for name, *_ in stand.look()] == ["wandb", "mlflow"]


def test_a_provider_that_drains_is_not_drained_twice(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    stand.look()
    assert len(stand.look()) == 1


def test_once_the_daemon_stops_nothing_starts(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    stand.stopping.set()
    assert (stand.look(), stand.next_look) == ([], None)


def test_what_is_undecided_is_decided_and_drained_at_the_same_look(stand: Stand) -> None:
    save_due(stand.engine, UNDECIDED)
    assert [name for name, *_ in stand.look()] == ["wandb", "mlflow"]


def test_a_look_that_finds_nothing_due_reads_the_database_once(stand: Stand, held: Clock) -> None:
    save(stand.engine, "mlflow", now=held() + 5 * SECOND)
    transactions: list[object] = []
    event.listen(stand.engine, "begin", transactions.append)
    stand.look()
    assert len(transactions) == 1


def test_what_falls_due_soon_is_looked_at_then(stand: Stand, held: Clock) -> None:
    save(stand.engine, "mlflow", now=held() + 5 * SECOND)
    assert (stand.look(), stand.next_look) == ([], 5 * SECOND)


def test_what_falls_due_after_the_slow_poll_is_left_to_it(
    stand: Stand, configured: Settings
) -> None:
    save_due(stand.engine, "mlflow", after=configured.poll_interval + 60 * SECOND)
    stand.look()
    assert stand.next_look is None


def test_a_look_that_was_called_for_meanwhile_is_not_put_off(stand: Stand, held: Clock) -> None:
    """Between what a look reads and the timer that it sets, somebody may save."""
    save(stand.engine, "mlflow", now=held() + 5 * SECOND)
    stand.dispatcher.look_in(timedelta())
    stand.look()
    assert stand.next_look == timedelta()


def test_a_slot_that_waits_after_a_failure_is_looked_at_when_it_may_start(
    stand: Stand, held: Clock
) -> None:
    save(stand.engine, "mlflow", now=held())
    stand.slot().not_before = held() + 5 * SECOND
    assert (stand.look(), stand.next_look) == ([], 5 * SECOND)


def test_the_next_look_is_never_at_once(stand: Stand, held: Clock) -> None:
    """A provider's probe falls due in a moment."""
    save(stand.engine, "mlflow", now=held())
    with writing(stand.engine) as connection:
        provider_state.note_offline(
            connection, "mlflow", "away", after=timedelta(), chance=Random(1), now=held()
        )
        connection.execute(provider_table.update().values(next_probe_at=held() + SECOND / 20))
    stand.look()
    assert stand.next_look == SHORTEST_WAIT


def test_a_provider_at_its_limit_gets_no_further_drain(
    engine: Engine, configured: Settings
) -> None:
    save_due(engine, "mlflow")
    save_due(engine, "mlflow")
    claim(engine, limit=1, now=utc_now())
    one = configured.model_copy(update={"max_in_flight": 1})
    for stand in standing(engine, one):
        assert stand.look() == []
    two = configured.model_copy(update={"max_in_flight": 2})
    for stand in standing(engine, two):
        assert len(stand.look()) == 1


@pytest.mark.parametrize(("waiting", "drains"), [(1, ["wandb"]), (2, ["wandb", "wandb-2"])])
def test_a_second_process_is_for_a_large_backlog(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, waiting: int, drains: list[str]
) -> None:
    monkeypatch.setattr(worker_count, "LARGE_BACKLOG", 2)
    for _ in range(waiting):
        save_due(stand.engine, "wandb")
    assert [name for name, *_ in stand.look()] == drains


def test_a_provider_that_is_paused_gets_no_drain(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    with writing(stand.engine) as connection:
        provider_state.pause(connection, "mlflow", utc_now())
    assert (stand.look(), stand.next_look) == ([], None)


def test_a_provider_that_is_not_ready_is_probed_when_that_is_due(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    stand.offline()
    assert stand.look() == [("mlflow", True, False)]


def test_a_probe_that_is_not_due_is_waited_for(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    stand.offline(probe_in=5 * SECOND)
    assert stand.look() == []
    assert stand.next_look is not None
    assert SHORTEST_WAIT <= stand.next_look <= 5 * SECOND


def test_a_probe_that_another_daemon_has_taken_is_not_repeated(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_due(stand.engine, "mlflow")
    stand.offline()
    monkeypatch.setattr(provider_state, "take_probe", lambda *_arguments: False)
    assert stand.look() == []


def test_a_provider_without_anything_due_is_not_probed(stand: Stand) -> None:
    stand.offline()
    assert stand.look() == []


def test_a_drain_starts_for_evidence_that_is_due(stand: Stand) -> None:
    owe_evidence(stand.engine)
    stand.look()
    (started,) = stand.timers.started
    assert (started.arguments["name"], started.arguments["and_evidence"]) == ("mlflow", True)


def test_evidence_that_is_not_due_starts_nothing(stand: Stand) -> None:
    owe_evidence(stand.engine, after=60 * SECOND)
    assert stand.look() == []


def test_no_evidence_of_a_paused_provider_is_tried(stand: Stand) -> None:
    owe_evidence(stand.engine)
    with writing(stand.engine) as connection:
        provider_state.pause(connection, "mlflow", utc_now())
    assert stand.look() == []


def test_a_provider_that_is_not_ready_is_probed_before_evidence_is_tried(stand: Stand) -> None:
    """Where no delivery is due, nobody else would notice that the provider is back."""
    owe_evidence(stand.engine)
    stand.offline()
    stand.look()
    (started,) = stand.timers.started
    assert (started.arguments["probe_now"], started.arguments["and_evidence"]) == (True, False)


def test_no_evidence_is_tried_before_a_provider_is_probed_again(stand: Stand) -> None:
    owe_evidence(stand.engine)
    stand.offline(probe_in=60 * SECOND)
    assert stand.look() == []


def owe_evidence(engine: Engine, *, after: timedelta = -SECOND) -> None:
    """A delivered run whose evidence is due so long from now."""
    delivered(engine)
    due_at = utc_now() + after
    with writing(engine) as connection:
        connection.execute(
            update(outbox_table).values(evidence_state="waiting", evidence_due_at=due_at)
        )


def test_a_look_holds_no_lock_afterwards(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    stand.look()
    lock: Any = stand.pool.lock
    assert not lock.locked()
    with reading(stand.engine) as connection:
        assert provider_state.read(connection, "mlflow").is_ready
