"""From a save to its run, with an idle warm daemon, against the run's three requests alone."""

from __future__ import annotations

import random
import time
from pathlib import Path

from fairmind_sync.demo.tracking_server import tracking_server
from tests.benchmarks.measure import Row, in_turns, p50
from tests.benchmarks.mlflow_drain import DEFAULT_WORKERS
from tests.benchmarks.processes import peer
from tests.benchmarks.warm import Warm, warm_daemon

MOST_MORE_MS = 60.0


def run(place: Path, *, saves: int = 60) -> list[Row]:
    with (
        tracking_server(place, workers=DEFAULT_WORKERS) as uri,
        peer("mlflow_raw", uri, "raw", place=place) as raw,
        warm_daemon(place / "ours", "mlflow", {"MLFLOW_TRACKING_URI": uri}) as ours,
    ):
        _, plain, quick = in_turns(
            saves,
            lambda _: _deliver_one(ours),
            lambda _: raw(runs=1, threads=1, quick=False),
            lambda _: raw(runs=1, threads=1, quick=True),
        )
        mine = p50(ours.latencies(saves)) * 1e3
    theirs, how = min((p50(plain) * 1e3, "plain"), (p50(quick) * 1e3, "TCP_QUICKACK"))
    note = f"p50 of {saves}: {mine:.0f} ms against {theirs:.0f} ms ({how})"
    return [
        Row("save to run", "raw requests", mine - theirs, None, "ms more", MOST_MORE_MS, note=note)
    ]


def _deliver_one(ours: Warm) -> None:
    """At any moment between two looks of the daemon."""
    time.sleep(0.2 + random.random() / 5)
    ours.deliver(1, "mlflow")
