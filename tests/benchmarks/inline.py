"""What a save costs its caller, against logging inline as FairMind did, with MLflow up and down."""

from __future__ import annotations

import time
from pathlib import Path

from fairmind_sync.demo.tracking_server import held_port, tracking_server
from tests.benchmarks.measure import Row, p50, seconds_of
from tests.benchmarks.mlflow_drain import DEFAULT_WORKERS
from tests.benchmarks.processes import peer
from tests.benchmarks.warm import Warm, warm_daemon

_TO = "mlflow"
_PAUSE_S = 0.05


def run(place: Path, *, rounds: int = 10, saves: int = 10, patience: float = 60) -> list[Row]:
    """`saves` a round; `patience` is how many seconds an inline run may take while MLflow is down."""
    up: list[float] = []
    down: list[float] = []
    inline: list[float] = []
    with (
        held_port() as silent,
        tracking_server(place, workers=DEFAULT_WORKERS) as uri,
        peer("mlflow_fluent", uri, "inline", place=place) as fluent,
        warm_daemon(place / "up", _TO, {"MLFLOW_TRACKING_URI": uri}) as with_server,
        warm_daemon(
            place / "down", _TO, {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent}"}, warm_up=0
        ) as without,
    ):
        fluent(runs=1)
        for _ in range(rounds):
            for _ in range(saves):
                up.append(_seconds_of_a_save(with_server))
                with_server.wait()
                down.append(_seconds_of_a_save(without))
            inline.append(seconds_of(lambda: fluent(runs=1)))
        took = _inline_without_server(f"http://127.0.0.1:{silent}", place, patience)
    note = f"one inline run with MLflow down: {took}"
    return [
        Row(
            *("save, MLflow up", "fluent API inline", 1 / p50(up), 1 / p50(inline), "runs/s"),
            *(100.0, False, f"p50 of {len(up)}; theirs: of {rounds}"),
        ),
        Row(
            *("save, MLflow down", "save, MLflow up", p50(down) * 1e3, p50(up) * 1e3, "ms", 1.2),
            note=f"p50 of {len(down)}; {note}",
        ),
    ]


def _seconds_of_a_save(to: Warm) -> float:
    time.sleep(_PAUSE_S)  # alike for both: neither is warm from the other
    return seconds_of(lambda: to.save(1, _TO))


def _inline_without_server(uri: str, place: Path, patience: float) -> str:
    with peer("mlflow_fluent", uri, place=place) as fluent:
        fluent.ask(runs=1)
        began = time.monotonic()
        answered = fluent.is_done(within=patience)
        return f"{time.monotonic() - began:.1f} s" if answered else f"> {patience:g} s"
