"""A collector, and a process whose traces go there."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fairmind_sync import tracing
from tests.standins.otlp import Collector, serve_collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with serve_collector() as collector:
        yield collector
        _end_what_sends()


def _end_what_sends() -> None:
    """While the collector still answers: a thread of OpenTelemetry that meets nobody goes on for long.

    It draws its pauses from `random`, and Hypothesis fails a test beside which anything does so.
    """
    tracing.end()
    for thread in threading.enumerate():
        if thread.name.startswith("OtelBatch"):
            thread.join(240)
            assert not thread.is_alive()


@pytest.fixture
def traced(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Collector:
    for name, value in collector.variables.items():
        monkeypatch.setenv(name, value)
    return collector
