"""A collector, and a process whose traces go there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.otlp import Collector, serve_collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with serve_collector() as collector:
        yield collector


@pytest.fixture
def traced(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Collector:
    for name, value in collector.variables.items():
        monkeypatch.setenv(name, value)
    return collector
