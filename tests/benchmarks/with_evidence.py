"""Runs with their evidence, read back, against raw requests that do the same, and the plain W&B SDK."""

from __future__ import annotations

from pathlib import Path

from fairmind_sync.demo.tracking_server import tracking_server
from fairmind_sync.evidence.files import evidence_of
from tests.benchmarks.content import SAVED
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.processes import peer, wandb_server
from tests.benchmarks.warm import warm_daemon

WORKERS, THREADS = 4, (1, 4, 8)
_FULL = {"FAIRMIND_SYNC_EVIDENCE": "full"}
_MS = 1000


def run(place: Path, *, runs: int = 120, rounds: int = 3, plain_runs: int = 15) -> list[Row]:
    (place / "mlflow").mkdir()
    (place / "wandb").mkdir()
    return [
        _building(),
        *_mlflow(place / "mlflow", runs, rounds),
        *_wandb(place / "wandb", runs, rounds, plain_runs),
    ]


def _building(times: int = 200) -> Row:
    (taken,) = in_turns(times, lambda _: evidence_of(SAVED))
    return Row("evidence of a usual result, built", "", p50(taken) * _MS, None, "ms", 5.0)


def _mlflow(place: Path, runs: int, rounds: int) -> list[Row]:
    with (
        tracking_server(place, workers=WORKERS) as uri,
        peer("mlflow_raw", uri, "raw", place=place) as raw,
        warm_daemon(place / "ours", "mlflow", {"MLFLOW_TRACKING_URI": uri, **_FULL}) as ours,
    ):
        tried = in_turns(
            2,
            *(
                lambda _, count=count: raw(runs=24, threads=count, quick=True, files=True)
                for count in THREADS
            ),
        )
        best = min(zip(THREADS, tried, strict=True), key=lambda one: min(one[1]))[0]
        mine, theirs = in_turns(
            rounds,
            lambda _: ours.deliver(runs, "mlflow"),
            lambda _: raw(runs=runs, threads=best, quick=True, files=True),
        )
    what = f"drain with evidence, MLflow with {WORKERS} workers"
    return [
        Row(
            what,
            "raw requests doing the same",
            ours=runs / p50(mine),
            theirs=runs / p50(theirs),
            unit="runs/s",
            goal=0.8,
            is_at_most=False,
            note=f"{rounds} rounds of {runs}; raw: {best} threads",
        )
    ]


def _wandb(place: Path, runs: int, rounds: int, plain_runs: int) -> list[Row]:
    with (
        wandb_server(place) as env,
        peer("wandb_plain", place=place, env=env) as plain,
        warm_daemon(place / "ours", "wandb", {**env, **_FULL}) as ours,
    ):
        plain(runs=1, files=True)
        mine, theirs = in_turns(
            rounds,
            lambda _: ours.deliver(runs, "wandb"),
            lambda _: plain(runs=plain_runs, files=True),
        )
    return [
        Row(
            "drain with evidence, W&B",
            "the plain SDK: Html and a file, no table",
            ours=runs / p50(mine),
            theirs=plain_runs / p50(theirs),
            unit="runs/s",
            goal=3.0,
            is_at_most=False,
            note=f"{rounds} rounds of {runs}; theirs: of {plain_runs}",
        )
    ]
