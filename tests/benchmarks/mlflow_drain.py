"""A backlog's way to a real MLflow server, against raw requests and against MLflow's fluent API."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import psutil

from fairmind_sync.demo.tracking_server import tracking_server
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.processes import Peer, peer
from tests.benchmarks.warm import warm_daemon

THREADS = (1, 2, 4, 8, 12)
"""Fewer than the 15 connections that a server's process has to its database: a 16th request fails."""
DEFAULT_WORKERS = 4


def run(
    place: Path,
    *,
    runs: int = 500,
    rounds: int = 3,
    trial: int = 60,
    fluent_runs: int = 15,
    threads: tuple[int, ...] = THREADS,
) -> list[Row]:
    """Twice `trial` runs decide how the raw requests are quickest."""
    return [
        row
        for workers in (DEFAULT_WORKERS, 1)
        for row in _run(place / str(workers), workers, runs, rounds, trial, fluent_runs, threads)
    ]


def _run(
    place: Path,
    workers: int,
    runs: int,
    rounds: int,
    trial: int,
    fluent_runs: int,
    threads: tuple[int, ...],
) -> list[Row]:
    place.mkdir()
    with (
        tracking_server(place, workers=workers) as uri,
        peer("mlflow_raw", uri, "raw", place=place) as raw,
        peer("mlflow_fluent", uri, "fluent", place=place) as fluent,
        warm_daemon(place / "ours", "mlflow", {"MLFLOW_TRACKING_URI": uri}) as ours,
    ):
        fluent(runs=1)
        count, quick = _best(raw, trial, threads)
        (worker,) = map(psutil.Process, ours.workers())
        before = [_worked(one) for one in (worker, psutil.Process(raw.pid))]
        mine, theirs, inline = in_turns(
            rounds,
            lambda _: ours.deliver(runs, "mlflow"),
            lambda _: raw(runs=runs, threads=count, quick=quick),
            lambda _: fluent(runs=fluent_runs),
        )
        after = [_worked(one) for one in (worker, psutil.Process(raw.pid))]
        memory = worker.memory_info().rss / 1e6
    our_ms, raw_ms = ((b - a) / runs / rounds * 1e3 for a, b in zip(before, after, strict=True))
    rate = runs / p50(mine)
    what = f"drain, MLflow with {workers} workers"
    how = f"{count} threads{', TCP_QUICKACK' if quick else ''}"
    return [
        Row(
            *(what, "raw requests", rate, runs / p50(theirs), "runs/s", 0.95),
            is_at_most=False,
            note=f"{rounds} rounds of {runs}; raw: {how}",
        ),
        Row(
            *(what, "fluent API", rate, fluent_runs / p50(inline), "runs/s"),
            *(20.0 if workers == DEFAULT_WORKERS else 3.0, False),
            note=f"fluent: {rounds} rounds of {fluent_runs}",
        ),
        Row("a run costs MLflow's worker", "raw requests", our_ms, raw_ms, "CPU ms", 2.0),
        Row("MLflow's worker, memory", "", memory, None, "MB", 70.0),
    ]


def _worked(process: psutil.Process) -> float:
    """The seconds that the process has worked."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _best(raw: Peer, runs: int, threads: tuple[int, ...]) -> tuple[int, bool]:
    """The number of threads, and whether with TCP_QUICKACK: each is tried twice, its better time counts."""
    ways = list(product(threads, (False, True)))
    tried = in_turns(
        2,
        *(
            lambda _, count=count, quick=quick: raw(runs=runs, threads=count, quick=quick)
            for count, quick in ways
        ),
    )
    return min(zip(ways, tried, strict=True), key=lambda one: min(one[1]))[0]
