"""A provider that is away, a lease that is lost, an error that nobody foresaw."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderOfflineError,
    ProviderUnavailableError,
)
from fairmind_sync.providers.base import Delivered, Journal, Outcome, Report, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.tables import attempts_table, outbox_table, provider_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import NOW, Clock
from tests.support.databases import rows
from tests.support.deliveries import RUN, save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)
OFFLINE = ProviderOfflineError("no route to host")
BLOCKED = ProviderBlockedError("the key is wrong: set WANDB_API_KEY")
AWAY = pytest.mark.parametrize("away", [OFFLINE, BLOCKED], ids=["offline", "blocked"])


@dataclass
class ScriptedProvider(FakeProvider):
    """Each delivery does what the test says with the provider, the delivery and its journal."""

    act: Callable[[ScriptedProvider, Delivery, Journal], Outcome | None] = field(
        default=lambda _provider, _delivery, _journal: None
    )

    def _deliver_one(self, delivery: Delivery, journal: Journal) -> Outcome:
        return self.act(self, delivery, journal) or super()._deliver_one(delivery, journal)


@dataclass
class UnguardedProvider(FakeProvider):
    """Fails before it looks at any delivery."""

    error: Exception = field(default_factory=RuntimeError)

    def deliver(self, *_arguments: Any, **_options: Any) -> Generator[list[Report]]:
        if self.error:
            raise self.error
        yield from ()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drain(engine: Engine, provider: FakeProvider, clock: Clock, **options: Any) -> list[Any]:
    """The names of what was logged."""
    relay = Relay(engine, provider, max_attempts=3, chance=Random(1), clock=clock)
    with captured_logs() as events:
        relay.drain(**options)
    return [event["event"] for event in events if event["log_level"] != "debug"]


def state(engine: Engine) -> Any:
    (row,) = rows(engine, provider_table)
    return row


def leave(provider: ScriptedProvider, _delivery: Delivery, _journal: Journal) -> Retry:
    """A failure, because the provider has gone."""
    provider.unavailable = OFFLINE
    return Retry(ErrorKind.UPLOAD_FAILED, "connection reset")


@pytest.mark.parametrize("words", ["a\0b", "a\ud800b"], ids=["nul", "surrogate"])
def test_a_failure_in_words_that_no_database_takes_still_counts(
    engine: Engine, clock: Clock, words: str
) -> None:
    save(engine, "mlflow")
    for _ in range(3):
        drain(engine, FakeProvider(script=[Retry(ErrorKind.UNCERTAIN, words)]), clock)
        clock.advance(timedelta(hours=1))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, row.last_error) == ("dead", 3, "a\ufffdb")


@pytest.mark.parametrize("words", ["a\0b", "a\ud800b"], ids=["nul", "surrogate"])
@pytest.mark.parametrize("kind", [ProviderOfflineError, ProviderBlockedError])
def test_a_provider_that_is_away_for_a_reason_that_no_database_takes_is_known_to_be(
    engine: Engine, clock: Clock, kind: type[ProviderUnavailableError], words: str
) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=kind(words)), clock)
    assert state(engine).reason == "a\ufffdb"


def test_a_run_whose_words_no_database_takes_is_recorded(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    odd = Delivered(Run("a\0b", "http://host/a\ud800b"), "host\0")
    drain(engine, FakeProvider(script=[odd]), clock)
    (row,) = rows(engine, outbox_table)
    assert (row.run_id, row.run_url, row.destination) == (
        "a\ufffdb",
        "http://host/a\ufffdb",
        "host\ufffd",
    )


@AWAY
def test_a_provider_that_is_away_costs_no_attempt(
    engine: Engine, clock: Clock, away: ProviderUnavailableError
) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=away), clock)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, row.lease_token, row.last_error) == ("pending", 0, None, None)


@AWAY
def test_a_provider_that_is_away_for_days_buries_nothing(
    engine: Engine, clock: Clock, away: ProviderUnavailableError
) -> None:
    save(engine, "mlflow")
    for _ in range(50):
        drain(engine, FakeProvider(unavailable=away), clock)
        clock.advance(timedelta(hours=1))
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts) == ("pending", 0)


@AWAY
def test_that_a_provider_is_away_is_logged_once(
    engine: Engine, clock: Clock, away: ProviderUnavailableError
) -> None:
    save(engine, "mlflow")
    logged = []
    for _ in range(5):
        logged += drain(engine, FakeProvider(unavailable=away), clock)
        clock.advance(timedelta(hours=1))
    assert logged == [f"provider.{state(engine).state}"]


@AWAY
def test_why_a_provider_is_away_is_known(
    engine: Engine, clock: Clock, away: ProviderUnavailableError
) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=away), clock)
    assert (state(engine).reason, state(engine).since) == (str(away), NOW)


def test_a_provider_that_is_unavailable_without_a_kind_is_offline(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=ProviderUnavailableError("gone")), clock)
    assert state(engine).state == "offline"


def test_a_provider_that_asks_to_be_left_alone_is(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=ProviderOfflineError("429", 7 * MINUTE)), clock)
    assert state(engine).next_probe_at == NOW + 7 * MINUTE


def test_a_released_attempt_says_why_the_provider_was_away(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[OFFLINE]), clock)
    (attempt,) = rows(engine, attempts_table)
    assert (attempt.outcome, attempt.error) == ("released", "no route to host")


def test_while_a_provider_is_away_nothing_is_claimed_for_it(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    provider = FakeProvider(script=[OFFLINE])
    drain(engine, provider, clock)
    provider.unavailable = OFFLINE
    clock.advance(MINUTE)
    drain(engine, provider, clock)
    assert (provider.probes, len(rows(engine, attempts_table))) == (1, 1)


def test_a_provider_is_not_probed_before_its_time(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    provider = FakeProvider(unavailable=OFFLINE)
    drain(engine, provider, clock)
    drain(engine, provider, clock)
    assert provider.probes == 0


def test_a_provider_may_be_probed_at_once_on_request(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=OFFLINE), clock)
    drain(engine, FakeProvider(), clock, probe_now=True)
    assert rows(engine, outbox_table)[0].status == "delivered"


def test_a_request_to_probe_holds_for_one_probe(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=OFFLINE), clock)
    provider = ScriptedProvider(act=leave)
    drain(engine, provider, clock, probe_now=True)
    assert provider.probes == 2  # ours, and the one that looked for whom to blame


def test_what_waited_is_delivered_when_the_provider_is_back(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=OFFLINE), clock)
    clock.advance(MINUTE)
    logged = drain(engine, FakeProvider(), clock)
    assert logged == ["provider.recovered", "delivery.delivered"]


def test_a_provider_that_recovered_is_ready(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=BLOCKED), clock)
    clock.advance(timedelta(minutes=3))
    drain(engine, FakeProvider(script=[Retry(ErrorKind.UNCERTAIN, "500")]), clock)
    assert (state(engine).state, state(engine).reason) == ("ready", None)


def test_a_failure_while_the_provider_is_away_blames_nobody(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    drain(engine, ScriptedProvider(act=leave), clock)
    (row,) = rows(engine, outbox_table)
    assert (row.attempts, row.last_error, state(engine).state) == (0, None, "offline")


def test_what_was_delivered_before_the_provider_went_away_is_on_record(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    save(engine, "mlflow")
    drain(engine, FakeProvider(script=[Delivered(RUN, "there"), OFFLINE]), clock)
    assert [row.status for row in rows(engine, outbox_table)] == ["delivered", "pending"]


def test_an_error_in_a_probe_that_nobody_foresaw_blocks_the_provider_with_its_own_words(
    engine: Engine, clock: Clock
) -> None:
    save(engine, "mlflow")
    drain(engine, FakeProvider(unavailable=OFFLINE), clock)
    broken = FakeProvider(unavailable=RuntimeError("a bug"))  # type: ignore[arg-type]
    drain(engine, broken, clock, probe_now=True)
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.attempts, state(engine).state) == ("pending", 0, "blocked")
    assert "RuntimeError: a bug" in str(state(engine).reason)


@pytest.mark.parametrize(
    "provider",
    [lambda: FakeProvider(script=[RuntimeError("a bug")]), UnguardedProvider],
    ids=["in a delivery", "in a batch"],
)
def test_an_error_that_nobody_foresaw_counts_as_an_attempt(
    engine: Engine, clock: Clock, provider: Callable[[], FakeProvider]
) -> None:
    save(engine, "mlflow")
    with suppress(RuntimeError):
        drain(engine, provider(), clock)
    assert rows(engine, outbox_table)[0].attempts == 1


def test_a_bug_that_strikes_each_time_ends_in_dead(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    for _ in range(4):
        with suppress(RuntimeError):
            drain(engine, UnguardedProvider(), clock)
        clock.advance(timedelta(hours=2))
    assert rows(engine, outbox_table)[0].status == "dead"


def test_the_end_of_a_batch_is_told_even_after_an_error(engine: Engine, clock: Clock) -> None:
    save(engine, "mlflow")
    limits: list[object] = []
    relay = Relay(engine, UnguardedProvider(), 3, clock=clock, watch=limits.append)
    with suppress(RuntimeError):
        relay.drain()
    assert limits[-1] is None
