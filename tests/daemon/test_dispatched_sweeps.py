"""Which providers are swept or probed when the sweeps' timer comes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import outcomes
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.relay.sweep import INTERVAL
from fairmind_sync.storage.engine import writing
from tests.daemon.fakes import Stand, save_due
from tests.support.clock import Clock
from tests.support.deliveries import claim

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


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
    ("passed", "is_made"),
    [
        (-HOUR, False),
        (timedelta(), False),
        (INTERVAL / 2 - MOMENT, False),
        (INTERVAL / 2, True),
        (INTERVAL * 3 / 2, True),
        (INTERVAL * 3 / 2 + MOMENT, False),
        (5 * HOUR, False),
    ],
    ids=["set back", "set anew", "woke up", "late before", "late", "stood still", "slept"],
)
def test_a_sweep_is_made_about_an_interval_after_the_last(
    stand: Stand, held: Clock, passed: timedelta, *, is_made: bool
) -> None:
    assert held() == stand.now()
    stand.sweep(timedelta())
    unclean(stand.engine, "wandb")
    assert stand.sweep(passed) == ([("wandb", False, True)] if is_made else [])


def test_after_a_sleep_of_the_machine_the_sweep_after_the_next_is_made(
    stand: Stand, held: Clock
) -> None:
    """However short after waking up the next is: who stood still within a create goes on first."""
    assert held() == stand.now()
    stand.sweep(timedelta())
    unclean(stand.engine, "wandb")
    assert [[*stand.sweep(after)] for after in (5 * HOUR, SECOND)] == [[], []]
    assert stand.sweep() == [("wandb", False, True)]


def test_a_provider_out_of_reach_is_probed_also_after_a_sleep(stand: Stand) -> None:
    stand.offline()
    assert stand.sweep(5 * HOUR) == [("mlflow", True, False)]


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
