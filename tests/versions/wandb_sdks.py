"""W&B's SDK, old and new: every version has to end up with one complete run of each result.

Replies are lost on the way, and drains are killed in the middle.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conftest import API_KEY
from tests.standins.wandb import Fault, StandInWandb, serve_wandb
from tests.support.deliveries import pass_time
from tests.support.evidence_held import at_wandb, made
from tests.versions.drains import drain_all, environment, saved_in
from tests.versions.environments import make, with_our_package
from tests.versions.requirements import requirements

TRIED = ("0.20.1", "0.22.3", "0.25.1", "0.28.2", "0.31.0")
LOST = (None, "upsert", "file_stream", "killed")
_KILLS = 3
_UNTIL_A_KILL_S = 9.0


def cells(python: Path, place: Path) -> Iterator[tuple[str, str]]:
    """Delivers the given results once for each kind of disturbance; yields the kind and what came of it."""
    for lost in LOST:
        with serve_wandb({API_KEY}) as standin:
            if lost not in (None, "killed"):
                standin.faults.replace(
                    [Fault(lost, "drop_after", probability=0.2, seed=7, times=30)]
                )
            here = place / f"lost-{lost}"
            engine = saved_in(here, "wandb")
            settings = {"WANDB_API_KEY": API_KEY, "WANDB_BASE_URL": standin.base_url}
            env = environment(engine, "wandb", here, **settings)
            if lost == "killed":
                _kill_drains(python, env, here)
                pass_time(engine)
            ended = drain_all(python, engine, env, here)
            wrong = [f"{test}: {how}" for test, how in ended.items() if how != "delivered"]
            wrong += [
                f"run {run_id} has other evidence"
                for run_id, files in made(engine).items()
                if at_wandb(standin, run_id) != files
            ]
            yield str(lost), "; ".join(wrong + _faults_of(standin, len(ended))) or "whole"


def _kill_drains(python: Path, env: dict[str, str], cwd: Path) -> None:
    for _ in range(_KILLS):
        drain = subprocess.Popen([str(python), "-m", "fairmind_sync", "drain"], env=env, cwd=cwd)
        try:
            drain.wait(_UNTIL_A_KILL_S)
        except subprocess.TimeoutExpired:
            drain.kill()
            drain.wait()


def _faults_of(standin: StandInWandb, expected: int) -> list[str]:
    wrong = [] if len(standin.runs) == expected else [f"{len(standin.runs)} runs"]
    return wrong + [
        f"{run.display_name} is {run.state}, inserted {run.inserts} times"
        for run in standin.runs.values()
        if (run.state, run.inserts, len(run.history_lines) <= 1) != ("finished", 1, True)
    ]


def try_sdks(versions: Sequence[str]) -> bool:
    """Prints a line for each version and kind of disturbance; returns whether all is whole."""
    all_whole = True
    needed = [str(one) for one in requirements("daemon", "postgres")]
    for version in versions:
        with tempfile.TemporaryDirectory() as place:
            here = Path(place)
            python = with_our_package(make(here / "venv", f"wandb=={version}", *needed))
            for lost, how in cells(python, here):
                print(f"| wandb {version} | {lost} | {how} |", flush=True)  # noqa: T201 its output
                all_whole = all_whole and how == "whole"
    return all_whole
