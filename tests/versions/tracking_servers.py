"""MLflow's servers, old and new: every one has to end up with one complete run of each result.

Replies are lost on the way: of creates, of batches and of updates, some of each.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path

from fairmind_sync.demo.tracking_server import tracking_server
from tests.standins.faults import Fault
from tests.standins.mlflow_proxy import mlflow_proxy
from tests.support.evidence_held import at_mlflow, made
from tests.support.mlflow_runs import HeldRun, runs_of
from tests.versions.drains import drain_all, environment, saved_in
from tests.versions.environments import make
from tests.versions.given_results import GIVEN, metrics_by_key

OLDER = ("2.7.1", "2.9.2", "2.13.2", "2.16.2", "2.22.0", "3.1.0", "3.5.0", "3.10.0")
NEWEST = installed_version("mlflow")
"""What this environment has, and what serves all other tests: the newest, where it was made lately."""
LOST = (None, "create", "log_batch", "update")
OF_THEIR_TIME = ("sqlalchemy<2.1", "alembic<1.14", "setuptools<81")
"""What servers of 2.x and early 3.x need in versions of their time, and don't bound themselves."""
LEAN = (
    *("click", "cloudpickle", "databricks-cli", "entrypoints", "gitpython", "gunicorn", "jinja2"),
    *("markdown", "pytz", "pyyaml", "querystring-parser", "requests", "sqlparse"),
    *("alembic<1.14", "flask<3", "importlib-metadata<7", "numpy<2", "packaging<24", "pandas<3"),
    *("protobuf<5", "setuptools<81", "sqlalchemy<2.1", "werkzeug<3.1"),
)
"""All that a tracking server of 2.7 imports."""


def lean_server(place: Path, version: str = OLDER[0]) -> Path:
    """An environment with no more than a server of 2.7 needs; its interpreter."""
    make(place, *LEAN)
    return make(place, f"mlflow=={version}", deps=False)


def cells(
    uri: str,
    place: Path,
    python: Path,
    kinds: Sequence[str | None] = LOST,
    plain_ones: int = GIVEN,
) -> Iterator[tuple[str, str]]:
    """Delivers the given results once for each kind of lost reply, with the environment's client.

    Yields the kind and what came of it: `whole`, or what is wrong.
    """
    with mlflow_proxy(uri) as proxy:
        for lost in kinds:
            experiment = f"lost {lost}"
            proxy.faults.replace(
                [Fault(lost, "drop_after", probability=0.3, seed=7, times=40)] if lost else []
            )
            here = place / experiment.replace(" ", "-")
            engine = saved_in(here, "mlflow", plain_ones)
            settings = {"MLFLOW_TRACKING_URI": proxy.uri, "MLFLOW_EXPERIMENT_NAME": experiment}
            env = environment(engine, "mlflow", here, **settings)
            ended = drain_all(python, engine, env, here)
            wrong = [f"{test}: {how}" for test, how in ended.items() if how != "delivered"]
            wrong += _faults_of(runs_of(uri, experiment), metrics_by_key(engine))
            wrong += [
                f"run {run_id} has other evidence"
                for run_id, files in made(engine).items()
                if at_mlflow(uri, run_id) != files
            ]
            yield str(lost), "; ".join(wrong) or "whole"


def _faults_of(runs: list[HeldRun], expected: dict[str, int]) -> list[str]:
    """What is wrong with the runs, of which there has to be one complete one for each key."""
    held = {run.tags["fairmind.delivery_key"]: run for run in runs}
    counts = Counter(run.tags["fairmind.delivery_key"] for run in runs)
    wrong = [f"{key} has {counts[key]} runs" for key in expected if counts[key] != 1]
    for key, run in held.items():
        if (run.status, len(run.metrics)) != ("FINISHED", expected[key]):
            wrong.append(f"{run.name} is {run.status} with {len(run.metrics)} metrics")
    return wrong


def _server(place: Path, version: str) -> Path:
    """An interpreter with this version; this one where it has that."""
    if version == NEWEST:
        return Path(sys.executable)
    return make(place, f"mlflow=={version}", *OF_THEIR_TIME)


def try_servers(versions: Sequence[str], client: Path | None = None) -> bool:
    """Prints a line for each server and kind of lost reply; returns whether all is whole.

    `client` is the interpreter whose client delivers, by default this one.
    """
    all_whole = True
    for version in versions:
        with tempfile.TemporaryDirectory() as place:
            here = Path(place)
            python = _server(here / "venv", version)
            with tracking_server(here, python=str(python)) as uri:
                for lost, how in cells(uri, here, client or Path(sys.executable)):
                    print(f"| MLflow {version} | {lost} | {how} |", flush=True)  # noqa: T201 its output
                    all_whole = all_whole and how == "whole"
    return all_whole
