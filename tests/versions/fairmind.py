"""FairMind's backend as its lock has it: our package is installed beside those packages, and tried.

The versions of FairMind's packages stay as they are: they are constraints, as in `pip install -c`.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from fairmind_sync.demo.tracking_server import tracking_server
from tests.conftest import CHECKOUT
from tests.standins.mlflow_proxy import mlflow_proxy
from tests.support.fairmind_backend import environment, live_through_an_outage, running_backend
from tests.versions.environments import make, uv
from tests.versions.producers import pass_with, tests_pass, tools

PINS = Path(__file__).with_name("fairmind_pins.txt")
_NEVER_IMPORTED = ("tensorflow==",)  # 570 MB
_AS_PINNED = ("--constraint", str(PINS))
_API = ("-m", "unit", "tests/api", "--ignore=tests/api/test_openapi.py")  # that needs schemathesis
BACKEND = """
from fastapi import FastAPI
from fastapi.testclient import TestClient
from fairmind_sync import daemon
from fairmind_sync.api import router

app = FastAPI(lifespan=daemon.lifespan)
app.include_router(router)
with TestClient(app) as client:
    answer = client.get("/api/v1/mlops/status")
    answer.raise_for_status()
print("a backend with our router and daemon answers:", answer.json())
"""


def pins() -> list[str]:
    """FairMind's packages, each as `name==version`."""
    lines = PINS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(("#", *_NEVER_IMPORTED))]


def tried() -> bool:
    """Whether a producer, a backend with our router and daemon, and one with FairMind's own calls work.

    The last one delivers, from a wheel, to an MLflow that goes and comes back.
    """
    with tempfile.TemporaryDirectory() as place:
        venv = Path(place) / "venv"
        make(venv, *pins(), deps=False)
        python = make(venv, "--editable", str(CHECKOUT), *tools(), how=_AS_PINNED)
        passed = [pass_with(python)]
        make(venv, "--editable", f"{CHECKOUT}[daemon]", how=_AS_PINNED)
        passed += [tests_pass(python, *_API), _answers(python)]
        uv("build", "--wheel", "--out-dir", place, str(CHECKOUT))
        (wheel,) = Path(place).glob("*.whl")
        make(venv, f"{wheel}[mlflow]", how=_AS_PINNED)
        passed.append(_lives_through_an_outage(python))
        print(uv("pip", "list", "--python", str(python)))  # noqa: T201 its output
    return all(passed)


def _answers(python: Path) -> bool:
    with tempfile.TemporaryDirectory() as place:
        env = {"HOME": place, "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{place}/results.db"}
        ran = subprocess.run([str(python), "-c", BACKEND], cwd=place, env=env, check=False)
    return ran.returncode == 0


def _lives_through_an_outage(python: Path) -> bool:
    """Whether FairMind's calls answer and nothing is lost; an assertion says what went wrong."""
    with (
        tempfile.TemporaryDirectory() as place,
        tracking_server(Path(place)) as uri,
        mlflow_proxy(uri) as proxy,
        running_backend(
            Path(place), environment(Path(place, "own", "results.db"), proxy), str(python)
        ) as client,
    ):
        live_through_an_outage(client, proxy, uri)
    return True
