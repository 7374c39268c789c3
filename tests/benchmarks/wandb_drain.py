"""A backlog's way to W&B, each run verified, against loops over the SDK that verify nothing."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.processes import peer, wandb_server
from tests.benchmarks.warm import warm_daemon

GOALS = {0: 3.0, 50: 8.0}
"""Against the plain loop, by the server's latency in milliseconds."""


def run(place: Path, *, runs: int = 500, rounds: int = 3, plain_runs: int = 30) -> list[Row]:
    return [
        row
        for latency_ms in GOALS
        for row in _run(place / str(latency_ms), latency_ms, runs, rounds, plain_runs)
    ]


def _run(place: Path, latency_ms: int, runs: int, rounds: int, plain_runs: int) -> list[Row]:
    place.mkdir()
    with (
        wandb_server(place, latency_ms / 1000) as env,
        peer("wandb_plain", place=place, env=env) as plain,
        peer("wandb_lean", str(place), place=place, env=env) as lean,
        warm_daemon(place / "ours", "wandb", env) as ours,
    ):
        plain(runs=1)
        lean(runs=16)
        mine, theirs, inline = in_turns(
            rounds,
            lambda _: ours.deliver(runs, "wandb"),
            lambda _: lean(runs=runs),
            lambda _: plain(runs=plain_runs),
        )
    rate = runs / p50(mine)
    what = f"drain, W&B at {latency_ms} ms"
    return [
        Row(
            *(what, "init, log, finish", rate, plain_runs / p50(inline), "runs/s"),
            *(GOALS[latency_ms], False),
            note=f"{rounds} rounds of {runs}; theirs: of {plain_runs}",
        ),
        Row(
            *(what, "lean, 16 threads, unverified", rate, runs / p50(theirs), "runs/s", 0.9),
            is_at_most=False,
            note=f"{rounds} rounds of {runs}",
        ),
    ]
