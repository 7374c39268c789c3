"""`python -m tests.system.endurance.contention`: writers, daemon, command line and REST API on one database.

Exit code 1 if anybody was told that the database is locked, or if a saved result is missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

from fairmind_sync.settings import Settings
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.tables import results_table as results
from fairmind_sync.testing import new_result
from tests.support.databases import rows
from tests.support.deliveries import save_with
from tests.support.processes import DaemonProcess, command, running_daemon
from tests.support.stage import Stage, open_stage

PAUSE_S = 0.02


@dataclass(frozen=True)
class Report:
    saved: int
    missing: int
    delivered: int
    slowest_save_s: float
    commands: int
    requests: int
    complaints: list[str]
    damage: list[str]

    @property
    def is_clean(self) -> bool:
        return not (self.missing or self.complaints or self.damage)


@dataclass(frozen=True)
class Writing:
    """What one writer did."""

    test_ids: list[str]
    slowest_s: float
    complaints: list[str]


def write(number: int, url: str, seconds: float) -> Writing:
    """Saves one result after another."""
    settings = Settings(provider="both", database_url=url)
    done: list[str] = []
    complaints: list[str] = []
    slowest = 0.0
    end = time.monotonic() + seconds
    pause = threading.Event()
    while (began := time.monotonic()) < end:
        result = new_result(test_id=f"writer-{number}-{len(done)}")
        try:
            save_with(settings, [result])
        except Exception as error:  # noqa: BLE001 the SDKs raise what they like
            complaints.append(repr(error))
        else:
            done.append(result.test_id)
        slowest = max(slowest, time.monotonic() - began)
        pause.wait(PAUSE_S)
    return Writing(done, slowest, complaints)


def run(writers: int, seconds: float, place: Path) -> Report:
    with open_stage(place) as stage, running_daemon(stage.env, place) as daemon:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(writers, spawn) as pool, ThreadPoolExecutor(2) as askers:
            saving = [
                pool.submit(write, number, stage.database_url, seconds) for number in range(writers)
            ]
            end = time.monotonic() + seconds
            cli = askers.submit(_repeat, end, lambda: _ask_command(stage))
            api = askers.submit(_repeat, end, lambda: _ask_api(daemon))
            written = [future.result() for future in saving]
            commands, requests = cli.result(), api.result()
        daemon.stop()
        return _report(stage, daemon, written, commands, requests)


def _repeat(end: float, ask: Callable[[], list[str]]) -> tuple[int, list[str]]:
    """How often it was asked, and the complaints."""
    count, complaints = 0, []
    while time.monotonic() < end:
        complaints += ask()
        count += 1
    return count, complaints


def _ask_command(stage: Stage) -> list[str]:
    complaints = []
    for words in (("status",), ("runs", "--limit", "20"), ("save", "-"), ("url", "--test-id", "x")):
        line = json.dumps({"test_id": "cli", "model_id": "m", "test_type": "t", "results": {}})
        stdin = line if words[0] == "save" else None
        ended = command(*words, env=stage.env, stdin=stdin, check=False)
        complaints += _complaints(ended.stderr.splitlines())
    return complaints


def _ask_api(daemon: DaemonProcess) -> list[str]:
    results = {"x": time.time()}
    body = {"test_id": "api", "model_id": "m", "test_type": "t", "results": results, "wait": 0}
    posted = httpx2.post(f"{daemon.url}/api/v1/mlops/log-test", json=body, timeout=240)
    status = httpx2.get(f"{daemon.url}/api/v1/mlops/status", timeout=240)
    return [one.text for one in (posted, status) if one.status_code >= 500]


def _report(
    stage: Stage,
    daemon: DaemonProcess,
    written: list[Writing],
    commands: tuple[int, list[str]],
    requests: tuple[int, list[str]],
) -> Report:
    wanted = {test_id for one in written for test_id in one.test_ids}
    held = {row.test_id for row in rows(stage.engine, results)}
    log = [json.dumps(event) for event in daemon.events] + daemon.other_lines
    return Report(
        saved=len(wanted),
        missing=len(wanted - held),
        delivered=len(stage.records(status="delivered")),
        slowest_save_s=round(max(one.slowest_s for one in written), 3),
        commands=4 * commands[0],
        requests=2 * requests[0],
        complaints=[
            *(complaint for one in written for complaint in one.complaints),
            *commands[1],
            *requests[1],
            *_complaints(log),
        ][:20],
        damage=sqlite_file.damage(stage.engine),
    )


def _complaints(lines: list[str]) -> list[str]:
    return [line for line in lines if "locked" in line or "busy" in line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        report = run(given.writers, given.seconds, Path(place))
    print(json.dumps(asdict(report), indent=2))  # noqa: T201 that is what it is for
    sys.exit(0 if report.is_clean else 1)


if __name__ == "__main__":
    main()
