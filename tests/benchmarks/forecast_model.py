"""A day of a very large user, hour by hour, as flows: what comes in, what goes out, what fills up.

All numbers that it counts with are here, each with where it is from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
PROVIDERS = ("wandb", "mlflow")
_BENCH = "task bench server-costs"


def known(value: Any, source: str) -> Any:
    """A field with a default; `source` says what it is and where it is from."""
    return field(default=value, metadata={"source": source})


@dataclass(frozen=True)
class Load:
    results_a_day: float = known(100e6, "given")
    peak: float = known(3.0, "assumed: the busiest hour against the mean")
    night: float = known(0.3, "assumed: the quietest hour against the mean")
    busiest_hour: int = known(14, "assumed")
    backends: int = known(1000, "given")
    connections_a_backend: int = known(5, "SQLAlchemy's pool keeps so many")
    days_kept: int = known(14, "assumed: how long runs are looked up here")

    @property
    def mean(self) -> float:
        """Results a second."""
        return self.results_a_day / DAY_S


@dataclass(frozen=True)
class Costs:
    """Seconds are of one core of the machine where they were measured."""

    table_bytes: float = known(1640, f"a result with two delivered deliveries; {_BENCH}")
    index_bytes: float = known(1510, f"the same; {_BENCH}")
    payload_bytes: float = known(470, f"what pruning erases of it; {_BENCH}")
    swept_index_bytes: float = known(
        990, f"of these, of deliveries and attempts, where rows die; {_BENCH}"
    )
    save_log_bytes: float = known(3330, _BENCH)
    delivery_log_bytes: float = known(4260, _BENCH)
    full_pages: float = known(1.5, "assumed: the log's growth by whole pages after each checkpoint")
    save_cpu_s: float = known(0.9e-3, f"of PostgreSQL; {_BENCH}")
    delivery_cpu_s: float = known(1.7e-3, f"of PostgreSQL; {_BENCH}")
    commit_s: float = known(
        0.85e-3, "16 raw writers with NOTIFY, 1,170/s; task bench server-writers"
    )
    claim_s: float = known(8e-3, "of 32, p50, fsync off; task bench server-scale")
    record_s: float = known(1.7e-3, f"one delivery alone, p50; {_BENCH}")
    claim_size: int = known(32, "batch_size of both providers")
    dead_rows: float = known(
        5.0, f"that a delivery leaves: 4 in outbox ({_BENCH}), 1 in its attempts"
    )
    transactions_a_delivery: float = known(3.0, "create attempted, created, recorded")
    count_rows: float = known(6.0, "a result adds to delivery_counts: 2 saved, 2 twice delivered")
    count_row_s: float = known(0.1e-6, "to sum one, measured with 100,000; each status, page, POST")
    fold_row_s: float = known(3e-6, "to fold one, measured with 1,000,000")
    mlflow_run_cpu_s: float = known(30e-3, "of MLflow's server; docs/reference/speed.md: 26-33 ms")
    mlflow_worker_runs: float = known(60, "a second: 4 threads, 65 ms a run")
    wandb_worker_runs: float = known(33, "a second; two workers a daemon make 65; 'Decisions'")
    wandb_project_runs: float = known(80, "a second; W&B's documented limit of run creations")
    server_connection_bytes: float = known(8e6, "usual for an idle session of PostgreSQL")


@dataclass(frozen=True)
class Means:
    """What there is of everything. `shared_`: there, transactions wait for each other until they end."""

    daemons: int = known(36, "processes of fairmind-sync")
    wandb_projects: int = known(24, "projects, each with daemons of its own")
    mlflow_cores: int = known(60, "cores of MLflow's servers, all together")
    postgres_cores: int = known(32, "cores of PostgreSQL's server")
    connections: int = known(500, "max_connections; a pooler is in front of them")
    most_in_flight: int = known(4096, "FAIRMIND_SYNC_MAX_IN_FLIGHT")
    log_bytes_a_second: float = known(250e6, "assumed: what disk, replicas and archive take")
    vacuum_bytes_a_second: float = known(400e6, "what autovacuum's default cost limit lets it read")
    fold_every_s: float = known(5, "between two foldings of delivery_counts")
    shared_notify: bool = known(
        False, "if each save notified: PostgreSQL commits those one by one; one at a time does"
    )
    shared_counts: bool = known(
        False, "each record updates the provider's one row of attempt_counts"
    )
    pooled: bool = known(True, "a pooler's sessions end with the transaction")


AS_IT_COMES = Means(
    daemons=1,
    wandb_projects=1,
    mlflow_cores=4,
    postgres_cores=8,
    most_in_flight=256,
    fold_every_s=60,
    shared_counts=True,
    pooled=False,
)
"""One daemon, one project, an MLflow server of four workers; the settings' and the tables' defaults."""


@dataclass(frozen=True)
class World:
    load: Load = Load()
    costs: Costs = Costs()
    means: Means = Means()


@dataclass(frozen=True)
class Limit:
    """What can't carry more than so many results a second. `provider`: it concerns that one alone."""

    what: str
    results_a_second: float
    remedy: str
    provider: str | None = None

    @property
    def results_a_day(self) -> float:
        return self.results_a_second * DAY_S


@dataclass(frozen=True)
class Hour:
    """At its end. Of the day until then: what was saved, delivered, and offered but not yet taken."""

    number: int
    offered_a_second: float
    saved: float
    waiting: float
    delivered: dict[str, float]
    backlog: dict[str, float]
    log_bytes_a_second: float
    postgres_cores: float
    dead_rows: float


def limits(world: World) -> list[Limit]:
    """The lowest first."""
    return sorted(
        [*_save_limits(world), *_delivery_limits(world), *_size_limits(world)],
        key=lambda one: one.results_a_second,
    )


def _save_limits(world: World) -> Iterator[Limit]:
    costs, means = world.costs, world.means
    per_result = costs.save_cpu_s + 2 * costs.delivery_cpu_s
    yield Limit(
        "PostgreSQL's cores", means.postgres_cores / per_result, "cores; prepared statements"
    )
    yield Limit(
        "the log (WAL)", means.log_bytes_a_second / _log_bytes(costs), "disks, COPY, fewer indexes"
    )
    if means.shared_notify:
        yield Limit(
            "NOTIFY: such commits, one by one",
            1 / costs.commit_s,
            "notify seldom: by one at a time",
        )


def _delivery_limits(world: World) -> Iterator[Limit]:
    costs, means = world.costs, world.means
    projects = means.wandb_projects * costs.wandb_project_runs
    yield Limit("W&B's runs a project", projects, "projects", "wandb")
    yield Limit("W&B workers", 2 * means.daemons * costs.wandb_worker_runs, "daemons", "wandb")
    server = means.mlflow_cores / costs.mlflow_run_cpu_s
    yield Limit("MLflow's server", server, "its cores, its database", "mlflow")
    yield Limit("MLflow workers", means.daemons * costs.mlflow_worker_runs, "daemons", "mlflow")
    workers = means.most_in_flight / costs.claim_size
    for name, runs in (("wandb", costs.wandb_worker_runs), ("mlflow", costs.mlflow_worker_runs)):
        yield Limit(f"in flight to {name}", workers * runs, "FAIRMIND_SYNC_MAX_IN_FLIGHT", name)
    claims = costs.claim_size / costs.claim_s
    yield Limit("claims of a provider, one by one", claims, "larger claims")
    if means.shared_counts:
        yield Limit(
            "records of a provider, one by one", 1 / costs.record_s, "counts as rows that are added"
        )


def _size_limits(world: World) -> Iterator[Limit]:
    load, costs, means = world.load, world.costs, world.means
    rows = 10e-3 / costs.count_row_s
    yield Limit(
        "counts: 10 ms a look", rows / (costs.count_rows * means.fold_every_s), "fold more often"
    )
    if not means.pooled:
        share = means.connections / (load.backends * load.connections_a_backend)
        yield Limit(f"connections of {load.backends:,} backends", share * load.mean, "a pooler")


def day(world: World, backlog: dict[str, float] | None = None) -> list[Hour]:
    """The 24 hours of a day that begins with this backlog."""
    left = dict(backlog or dict.fromkeys(PROVIDERS, 0.0))
    delivered, saved, waiting = dict.fromkeys(PROVIDERS, 0.0), 0.0, 0.0
    hours = []
    for number, offered in enumerate(_offered(world.load)):
        taken = min(offered + waiting / HOUR_S, _save_rate(world))
        waiting += (offered - taken) * HOUR_S
        saved += taken * HOUR_S
        rate = 0.0
        for name in PROVIDERS:
            waits = left[name] + taken * HOUR_S
            gone = min(waits, _delivery_rate(world, name, taken) * HOUR_S)
            left[name] = waits - gone
            delivered[name] += gone
            rate += gone / HOUR_S
        hours.append(
            Hour(
                *(number, offered, saved, waiting, dict(delivered), dict(left)),
                log_bytes_a_second=_log(world.costs, taken, rate),
                postgres_cores=taken * world.costs.save_cpu_s + rate * world.costs.delivery_cpu_s,
                dead_rows=rate * world.costs.dead_rows * vacuum_seconds(world, 1),
            )
        )
    return hours


def _offered(load: Load) -> list[float]:
    """Results a second of each hour: the night's, and a bump around the busiest, as high as the peak says."""
    angles = [math.tau * (hour - load.busiest_hour) / 24 for hour in range(24)]
    peak = (load.peak - load.night) / (1 - load.night)
    low, high = 0.0, 200.0
    for _ in range(60):
        power = (low + high) / 2
        bumps = [((1 + math.cos(angle)) / 2) ** power for angle in angles]
        low, high = (power, high) if 24 / sum(bumps) < peak else (low, power)
    return [load.mean * (load.night + (1 - load.night) * 24 * bump / sum(bumps)) for bump in bumps]


def _save_rate(world: World) -> float:
    """Most results a second; saves come first, deliveries take what they leave of the server."""
    rates = [world.means.postgres_cores / world.costs.save_cpu_s]
    if world.means.shared_notify:
        rates.append(1 / world.costs.commit_s)
    return min(rates)


def _delivery_rate(world: World, provider: str, saves: float) -> float:
    """Most deliveries a second to it, beside so many saves: what the narrowest place lets through."""
    free = world.means.postgres_cores - saves * world.costs.save_cpu_s
    rates = [
        limit.results_a_second
        for limit in _delivery_limits(world)
        if limit.provider in (None, provider)
    ]
    return min(*rates, free / 2 / world.costs.delivery_cpu_s)


def _log(costs: Costs, saves: float, deliveries: float) -> float:
    return costs.full_pages * (saves * costs.save_log_bytes + deliveries * costs.delivery_log_bytes)


def _log_bytes(costs: Costs) -> float:
    """Of a result, saved and delivered to both."""
    return _log(costs, 1, 2)


def vacuum_seconds(world: World, days: float) -> float:
    """A pass over the indexes of a table, or a partition, of so many days: what dies meanwhile waits."""
    size = days * world.load.results_a_day * world.costs.swept_index_bytes
    return size / world.means.vacuum_bytes_a_second


def days_of_transaction_ids(world: World) -> float:
    """Until two billion are used, by when every row has to be frozen, or nothing can be written."""
    used = world.load.results_a_day * (1 + 2 * world.costs.transactions_a_delivery)
    return 2e9 / used


def sizes(world: World, after_days: Sequence[int]) -> dict[str, list[float]]:
    """Bytes of the database after so many days, by what is done about its growth."""
    costs, kept = world.costs, world.load.days_kept
    whole = costs.table_bytes + costs.index_bytes

    def held(most_days: float, bare: float = 0.0) -> list[float]:
        """Whole results of no more than so many days; `bare` is what stays of older ones."""
        return [
            world.load.results_a_day
            * (min(age, most_days) * whole + max(0, age - most_days) * bare)
            for age in after_days
        ]

    return {
        "nothing": held(math.inf),
        "FAIRMIND_SYNC_RETENTION (payloads)": held(kept, whole - costs.payload_bytes),
        "partitions by month, dropped": held(kept + 30),
        "partitions by day, dropped": held(kept + 1),
    }
