"""Computes the Prometheus metrics from the database at each scrape:
deliveries, attempts, latencies, states, space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby, product
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from fairmind_sync.outbox import counters, heartbeat, owed_evidence, workload
from fairmind_sync.provider_names import PROVIDERS, ProviderName
from fairmind_sync.results.evidence_states import REFUSED, WAITING
from fairmind_sync.results.states import BLOCKED, OFFLINE, READY
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import current_time, is_file, reading

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.workload import Backlog

_STATES = (READY, OFFLINE, BLOCKED)


class DatabaseCollector(Collector):
    """A collector that reads the database at each scrape, and keeps nothing in between.

    `most_pending` is how many deliveries may be pending before saves are refused; 0: any number.
    """

    def __init__(self, engine: Engine, most_pending: int = 0) -> None:
        self._engine = engine
        self._most_pending = most_pending

    def describe(self) -> list[Metric]:
        """Returns nothing, so that to register the collector reads nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        with reading(self._engine) as connection:
            backlogs = {name: workload.backlog(connection, name) for name in PROVIDERS}
            found = [_attempts(connection), _latencies(connection), _evidence(connection)]
            alive = heartbeat.count_alive(connection, current_time(self._engine))
        yield from (*_of_backlogs(backlogs, current_time(self._engine)), *found)
        yield _gauge("daemons_alive", "Daemons with a recent heartbeat", alive)
        if self._most_pending:
            yield _gauge(
                "backlog_limit",
                "Pending deliveries, of all providers, from which on the REST API refuses saves",
                self._most_pending,
            )
        if is_file(self._engine):
            yield from self._of_file()

    def _of_file(self) -> Iterator[Metric]:
        yield _gauge(
            "database_wal_bytes", "The write-ahead log", sqlite_file.wal_size(self._engine)
        )
        yield _gauge(
            "disk_free_bytes", "On the database's disk", sqlite_file.free_bytes(self._engine)
        )


def _of_backlogs(backlogs: Mapping[ProviderName, Backlog], at: datetime) -> Iterator[Metric]:
    deliveries = GaugeMetricFamily(
        "fairmind_sync_deliveries",
        "Deliveries by status; pending ones are the backlog",
        labels=["provider", "status"],
    )
    oldest = GaugeMetricFamily(
        "fairmind_sync_oldest_pending_seconds",
        "How long the oldest pending delivery waits; 0 if none does",
        labels=["provider"],
    )
    states = GaugeMetricFamily(
        "fairmind_sync_provider_state",
        "1 for the state that the provider is in",
        labels=["provider", "state"],
    )
    paused = GaugeMetricFamily(
        "fairmind_sync_provider_paused", "1 while an operator pauses it", labels=["provider"]
    )
    for name, backlog in backlogs.items():
        for status, count in backlog.counts.items():
            deliveries.add_metric([name, status], count)
        since = backlog.oldest_pending_at
        oldest.add_metric([name], 0.0 if since is None else (at - since).total_seconds())
        for state in _STATES:
            states.add_metric([name, state], backlog.state.state == state)
        paused.add_metric([name], backlog.state.is_paused)
    yield from (deliveries, oldest, states, paused)


def _attempts(connection: Connection) -> Metric:
    family = CounterMetricFamily(
        "fairmind_sync_attempts",
        "Ended attempts by outcome and kind of error",
        labels=["provider", "outcome", "error_kind"],
    )
    for found in counters.attempts(connection):
        family.add_metric([found.provider, found.outcome, found.error_kind], found.count)
    return family


def _latencies(connection: Connection) -> Metric:
    family = HistogramMetricFamily(
        "fairmind_sync_delivery_seconds",
        "From the enqueue of a delivery to the record of its run",
        labels=["provider"],
    )
    for provider, found in groupby(counters.latencies(connection), lambda one: one.provider):
        counts = {one.up_to_seconds: one for one in found}
        total = sum(one.total_seconds for one in counts.values())
        family.add_metric([provider], _cumulative(counts), total)
    return family


def _evidence(connection: Connection) -> Metric:
    family = GaugeMetricFamily(
        "fairmind_sync_evidence_missing",
        "Delivered runs without their evidence, which is tried again",
        labels=["provider", "state"],
    )
    found = {(one.provider, one.state): one.count for one in owed_evidence.lacking(connection)}
    for pair in product(PROVIDERS, (WAITING, REFUSED)):
        family.add_metric(pair, found.get(pair, 0))
    return family


def _cumulative(counts: dict[float, counters.LatencyCount]) -> list[tuple[str, float]]:
    so_far, buckets = 0, []
    for limit in counters.BUCKETS:
        so_far += counts[limit].count if limit in counts else 0
        buckets.append(("+Inf" if limit == counters.UNLIMITED else str(limit), float(so_far)))
    return buckets


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"fairmind_sync_{name}", help_text, value=value)
