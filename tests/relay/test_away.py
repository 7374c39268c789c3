"""A provider that is away in the middle of a batch: what is a delivery's own fault all the same."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.providers.base import Dead, Delivered, Outcome, Report, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.tables import attempts_table, outbox_table, provider_table
from fairmind_sync.testing import FakeProvider
from tests.support.clock import Clock
from tests.support.databases import rows
from tests.support.deliveries import RUN, save

pytestmark = pytest.mark.both_databases

OFFLINE = ProviderOfflineError("no route to host")
RETRY = Retry(ErrorKind.UNCERTAIN, "no reply")
DEAD = Dead(ErrorKind.TOO_LARGE, "16 MB")


@dataclass
class ReportingProvider(FakeProvider):
    """Reports these outcomes of its first deliveries, in these groups, and is away from the first on."""

    outcomes: list[list[Outcome]] = field(default_factory=list)
    is_away: bool = True

    def deliver(
        self, deliveries: Iterable[Delivery], *_arguments: Any, **_options: Any
    ) -> Generator[list[Report]]:
        self.unavailable = OFFLINE if self.is_away else None
        taken = islice(deliveries, sum(map(len, self.outcomes)))
        for group in self.outcomes:
            yield [(next(taken), outcome) for outcome in group]


def drain(engine: Engine, *groups: list[Outcome], is_away: bool = True) -> ReportingProvider:
    for group in groups:
        for _ in group:
            save(engine, "mlflow")
    provider = ReportingProvider(outcomes=[*groups], is_away=is_away)
    Relay(engine, provider, max_attempts=3, clock=Clock()).drain()
    return provider


def statuses(engine: Engine) -> list[tuple[str, int]]:
    return [(row.status, row.attempts) for row in rows(engine, outbox_table)]


def outcomes(engine: Engine) -> list[str | None]:
    return [row.outcome for row in rows(engine, attempts_table)]


def test_what_can_never_succeed_is_dead_though_the_provider_is_away(engine: Engine) -> None:
    drain(engine, [RETRY], [DEAD])
    assert statuses(engine) == [("pending", 0), ("dead", 1)]


def test_what_can_never_succeed_asks_nobody(engine: Engine) -> None:
    provider = drain(engine, [DEAD], is_away=False)
    assert (provider.probes, outcomes(engine)) == (0, ["dead"])


def test_a_failure_at_a_provider_that_answers_is_the_deliverys_own(engine: Engine) -> None:
    provider = drain(engine, [RETRY], is_away=False)
    assert (provider.probes, statuses(engine)) == (1, [("pending", 1)])


def test_a_provider_that_answers_is_asked_again_at_the_next_failure(engine: Engine) -> None:
    provider = drain(engine, [RETRY, RETRY], [RETRY], is_away=False)
    assert (provider.probes, outcomes(engine)) == (3, ["retry"] * 3)


def test_a_provider_that_is_away_is_not_asked_again_in_the_batch(engine: Engine) -> None:
    provider = drain(engine, [RETRY, RETRY], [RETRY])
    assert (provider.probes, outcomes(engine)) == (1, ["released"] * 3)


def test_what_fails_after_the_provider_went_away_is_given_back(engine: Engine) -> None:
    drain(engine, [RETRY, Delivered(RUN, "there")], [RETRY])
    assert statuses(engine) == [("pending", 0), ("delivered", 1), ("pending", 0)]


def test_why_it_was_given_back_is_told_without_secrets(engine: Engine) -> None:
    save(engine, "mlflow")
    provider = ReportingProvider(outcomes=[[RETRY]])
    Relay(engine, provider, max_attempts=3, clock=Clock(), secrets=("route",)).drain()
    (attempt,), (state,) = rows(engine, attempts_table), rows(engine, provider_table)
    assert "route" not in f"{attempt.error} {state.reason}"
    assert (attempt.error, state.reason) == ("no [hidden] to host", "no [hidden] to host")


def test_an_outcome_is_recorded_once(engine: Engine) -> None:
    drain(engine, [Delivered(RUN, "there"), DEAD], is_away=False)
    assert outcomes(engine) == ["delivered", "dead"]
