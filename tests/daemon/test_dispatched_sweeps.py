"""Which providers are swept or probed when the sweeps' timer comes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import outcomes, provider_state
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.relay.sweep import INTERVAL
from fairmind_sync.storage.engine import writing
from tests.daemon.fakes import Stand, save_due
from tests.support.clock import Clock
from tests.support.deliveries import claim

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
NOTHING, HALF = timedelta(), INTERVAL / 2


def unclean(engine: Engine, provider: ProviderName) -> None:
    """An attempt that may have made a run, and ended without an outcome."""
    save_due(engine, provider)
    (delivery,) = claim(engine, provider, now=utc_now())
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", utc_now())


def test_a_sweep_is_for_providers_with_unclean_attempts(stand: Stand) -> None:
    unclean(stand.engine, "wandb")
    stand.sweep()
    assert stand.timers.drains == [("wandb", False, True)]


@pytest.mark.parametrize(
    ("passed", "slept", "is_made"),
    [
        (HALF - MOMENT, NOTHING, False),
        (HALF, NOTHING, True),
        (3 * HALF, NOTHING, True),
        (3 * HALF + MOMENT, NOTHING, False),
        (2 * HALF, HALF, True),
        (2 * HALF + MOMENT, HALF + MOMENT, False),
        (5 * HOUR, 5 * HOUR - 2 * HALF, False),
        (HALF, -HALF, True),
        (-HOUR, -HOUR - 2 * HALF, False),
    ],
    ids=[
        *("early", "early enough", "late", "stood still", "slept a little", "slept"),
        *("slept long", "set back a little", "set back"),
    ],
)
def test_a_sweep_is_made_when_the_machine_was_awake_for_about_an_interval(
    stand: Stand, held: Clock, passed: timedelta, slept: timedelta, *, is_made: bool
) -> None:
    assert held() == stand.now()
    stand.sweep(10 * HOUR)  # from here on
    unclean(stand.engine, "wandb")
    assert stand.sweep(passed, slept) == ([("wandb", False, True)] if is_made else [])


def test_after_a_sleep_a_whole_interval_goes_by_however_often_sweeps_come(
    stand: Stand, held: Clock
) -> None:
    """Who stood still within a create goes on first."""
    assert held() == stand.now()
    stand.sweep(10 * HOUR)
    unclean(stand.engine, "wandb")
    made = [[*stand.sweep(5 * HOUR, 5 * HOUR - SECOND)], [*stand.sweep(HALF / 2)]]
    assert made == [[], []]
    assert stand.sweep(HALF / 2) == [("wandb", False, True)]


def test_a_second_sleep_soon_after_the_first_is_no_interval(stand: Stand, held: Clock) -> None:
    assert held() == stand.now()
    stand.sweep(10 * HOUR)
    unclean(stand.engine, "wandb")
    stand.sweep(5 * HOUR, 5 * HOUR)
    assert stand.sweep(2 * HALF, 2 * HALF - SECOND) == []


def test_sweeps_that_come_early_put_no_sweep_off(stand: Stand, held: Clock) -> None:
    """As where the clock is set by seconds each few minutes."""
    assert held() == stand.now()
    stand.sweep(10 * HOUR)
    unclean(stand.engine, "wandb")
    made = [len(stand.sweep(HALF * 3 / 4)) for _ in range(2)]
    assert made == [0, 1]


@pytest.mark.parametrize(("after", "is_owed"), [(2 * HALF, True), (SECOND, False)])
def test_a_provider_that_drains_is_swept_by_its_next_drain(
    stand: Stand, after: timedelta, *, is_owed: bool
) -> None:
    unclean(stand.engine, "mlflow")
    slot = stand.slot()
    slot.begin_drain()
    stand.sweep(after)
    slot.end_drain(failed=False, now=utc_now())
    for _ in range(2):
        stand.pool.start_drain(slot)
    assert stand.timers.drains == [("mlflow", False, is_owed), ("mlflow", False, False)]


def test_a_paused_provider_is_not_swept(stand: Stand) -> None:
    unclean(stand.engine, "mlflow")
    with writing(stand.engine) as connection:
        provider_state.pause(connection, "mlflow", utc_now())
    assert stand.sweep() == []


def test_a_provider_out_of_reach_is_probed_also_after_a_sleep(stand: Stand) -> None:
    stand.offline()
    assert stand.sweep(5 * HOUR, 5 * HOUR) == [("mlflow", True, False)]


def test_a_provider_that_is_not_ready_is_probed_before_it_is_swept(stand: Stand) -> None:
    """Where nothing is due, nobody else would notice that the provider is back."""
    unclean(stand.engine, "mlflow")
    stand.offline()
    stand.sweep()
    assert stand.timers.drains == [("mlflow", True, False)]


def test_a_sweep_probes_no_provider_before_that_is_due(stand: Stand) -> None:
    unclean(stand.engine, "mlflow")
    stand.offline(probe_in=SECOND)
    stand.sweep()
    assert stand.timers.drains == []


def test_a_provider_out_of_reach_is_probed_though_nothing_waits_for_it(stand: Stand) -> None:
    """What waited was delivered by another daemon, or discarded."""
    stand.offline()
    stand.sweep()
    assert stand.timers.drains == [("mlflow", True, False)]


def test_a_provider_that_is_ready_is_asked_for_nothing(stand: Stand) -> None:
    stand.sweep()
    assert stand.timers.drains == []


def test_a_provider_that_drains_is_not_swept_meanwhile(stand: Stand) -> None:
    unclean(stand.engine, "mlflow")
    stand.slot().begin_drain()
    stand.sweep()
    assert stand.timers.drains == []


def test_once_the_daemon_stops_nothing_is_swept(stand: Stand) -> None:
    unclean(stand.engine, "mlflow")
    stand.stopping.set()
    stand.sweep()
    assert stand.timers.drains == []
