"""What the recorder tells the trace of deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync import tracing
from fairmind_sync.providers.base import Dead, Delivered, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.relay.recording import Recorder
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.testing import FakeProvider
from fairmind_sync.tracing.untraced import Untraced
from tests.support.clock import NOW
from tests.support.deliveries import LEASE, RUN, claim, claimed, save

RETRY = Retry(ErrorKind.UNCERTAIN, "no reply")


class Trace(Untraced):
    """In the place of this process's spans."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def claimed(self, deliveries: Iterable[Delivery], began: int) -> None:
        self.told += [(one.id, began, "claimed") for one in deliveries]

    def recorded(self, deliveries: Iterable[Delivery], began: int, *how: str | None) -> None:
        self.told += [(one.id, began, *how) for one in deliveries]


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> Trace:
    trace = Trace()
    monkeypatch.setattr(tracing, "current", lambda: trace)
    monkeypatch.setattr(tracing, "now", lambda: 77)
    return trace


def recorder(engine: Engine, most: int = 4) -> Recorder:
    return Recorder(engine, "mlflow", most, lambda: NOW, Random(1), ())


@pytest.mark.parametrize(
    ("given", "most", "told"),
    [
        (RETRY, 4, ("retry", "uncertain")),
        (RETRY, 1, ("dead", "uncertain")),
        (Dead(ErrorKind.REJECTED, "too large"), 4, ("dead", "rejected")),
    ],
)
def test_a_trace_is_told_what_a_failure_became(
    engine: Engine, trace: Trace, given: Retry | Dead, most: int, told: tuple[str, str]
) -> None:
    recorder(engine, most).record_failed(claimed(engine), given)
    assert trace.told == [(1, 77, *told)]


def test_a_trace_is_told_of_a_lost_lease(engine: Engine, trace: Trace) -> None:
    lost = claimed(engine, now=NOW - LEASE)
    claim(engine)
    save(engine, "mlflow")
    (kept,) = claim(engine)
    one = recorder(engine)
    one.record_failed(lost, RETRY)
    one.record_delivered([(each, Delivered(RUN, "there")) for each in (lost, kept)])
    assert trace.told == [
        (1, 77, "lease_lost", "uncertain"),
        (2, 77, "delivered"),
        (1, 77, "lease_lost"),
    ]


def test_a_trace_is_told_of_a_claim(engine: Engine, trace: Trace) -> None:
    save(engine, "mlflow")
    Relay(engine, FakeProvider(), max_attempts=3, clock=lambda: NOW).drain()
    assert trace.told == [(1, 77, "claimed"), (1, 77, "delivered")]
