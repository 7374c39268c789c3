"""A third provider is one folder and one line: everything works for it that works for the other two."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import API_KEY, CHECKOUT
from tests.support.processes import PATIENCE_S, command

TOKEN = "s3cret-token-of-nobody"  # noqa: S105 no secret
REGISTERED = '("wandb", "mlflow")'
RESULTS = [
    {"test_id": "good", "model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.5}},
    {"test_id": "bad", "model_id": "m", "test_type": "refused", "results": {"accuracy": 0.25}},
]
NOWHERE = "http://127.0.0.1:1"
REST = """
import json, sys
from fastapi.testclient import TestClient
from fairmind_sync.api.app import create_app
from fairmind_sync.settings import load_settings

body = {"test_id": "of the API", "model_id": "m", "test_type": "ml_bias", "results": {}, "wait": 0}
with TestClient(create_app(load_settings()), base_url="http://localhost") as client:
    root = next(path for path in client.get("/openapi.json").json()["paths"] if path.endswith("/status"))
    root = root.removesuffix("/status")
    answers = {
        "status": client.get(f"{root}/status"),
        "url": client.get(f"{root}/run-url/memory/{sys.argv[1]}"),
        "runs": client.get(f"{root}/runs", params={"provider": "memory"}),
        "log": client.post(f"{root}/log-test", json=body),
    }
    told = {name: [answer.status_code, answer.json()] for name, answer in answers.items()}
    texts = [client.get(path).text for path in ("/metrics", "/", "/deliveries")]
    print(json.dumps(told | {"metrics": texts[0], "page": texts[1] + texts[2]}))
"""
VERBS = """
import contextlib, io, json, sys
from fairmind_sync import cli

def said(arguments):
    sys.argv = ["fairmind-sync", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.suppress(SystemExit):
        cli.main()
    return told.getvalue()

print(json.dumps([said(verb) for verb in json.loads(sys.argv[1])]))
"""


@dataclass(frozen=True)
class House:
    """A copy of the product with the provider in it, and one database that it works on."""

    place: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(self.place / "daemon"),
            "MLOPS_PROVIDER": "memory",
            "MEMORY_DIRECTORY": str(self.runs),
            "MEMORY_TOKEN": TOKEN,
            "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{self.place / 'results.db'}",
            "FAIRMIND_SYNC_LOG_FORMAT": "json",
        }

    @property
    def runs(self) -> Path:
        return self.place / "runs"

    def run(self, *arguments: str, **more_env: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, env=self.env | more_env, check=False)

    def said(self, *verbs: str) -> list[str]:
        """What these commands print, one after the other in one process."""
        return list(self.python(VERBS, json.dumps([verb.split() for verb in verbs])))

    def python(self, script: str, *arguments: str) -> Any:
        """What the script prints as JSON."""
        ran = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, **self.env},
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        return json.loads(ran.stdout)

    def save(self, *results: dict[str, Any], **more_env: str) -> None:
        file = self.place / "results.jsonl"
        file.write_text("\n".join(map(json.dumps, results)))
        saved = self.run("save", str(file), **more_env)
        assert saved.returncode == 0, saved.stderr


def build(place: Path) -> House:
    """Copies the product, adds one folder, changes one line."""
    package = place / "daemon" / "fairmind_sync"
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "daemon" / "fairmind_sync", package, ignore=unwanted)
    shutil.copytree(CHECKOUT / "migrations", place / "migrations", ignore=unwanted)
    folder = package / "providers" / "memory"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("memory_provider.py"), folder / "__init__.py")
    register(package / "provider_names.py")
    house = House(place)
    house.runs.mkdir()
    return house


def register(names: Path) -> None:
    lines = names.read_text().splitlines(keepends=True)
    (number,) = [number for number, line in enumerate(lines) if REGISTERED in line]
    lines[number] = lines[number].replace(REGISTERED, '("wandb", "mlflow", "memory")')
    names.write_text("".join(lines))


@dataclass(frozen=True)
class Drained:
    """A house whose two results were drained: one is delivered, one is dead."""

    house: House
    log: str

    @property
    def run_id(self) -> str:
        (held,) = self.house.runs.iterdir()
        return held.stem

    @property
    def url(self) -> str:
        return (self.house.runs / f"{self.run_id}.json").as_uri()


@pytest.fixture(scope="module")
def drained(tmp_path_factory: pytest.TempPathFactory) -> Drained:
    house = build(tmp_path_factory.mktemp("third") / "house")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(house.place)  # away from a developer's .env
        house.save(*RESULTS)
        ended = house.run("drain")
    assert ended.returncode == 1, f"one is dead, so not all is delivered: {ended.stderr}"
    return Drained(house, ended.stderr)


@pytest.fixture(scope="module")
def answers(drained: Drained) -> dict[str, Any]:
    """What the REST API says, by endpoint."""
    return dict(drained.house.python(REST, drained.run_id))


@pytest.fixture(scope="module")
def said(drained: Drained) -> list[str]:
    """What the commands print that change nothing."""
    url = f"url memory {drained.run_id}"
    asked = ("status --json", url, "explain bad --json", "runs --provider memory --json")
    return drained.house.said(*asked)


def test_its_run_is_where_it_keeps_runs(drained: Drained) -> None:
    held = drained.house.runs / f"{drained.run_id}.json"
    assert json.loads(held.read_text()) == RESULTS[0]["results"]


def test_status_counts_its_deliveries(said: list[str]) -> None:
    found = json.loads(said[0])["providers"]
    counted = {name: (one["delivered"], one["dead"]) for name, one in found.items()}
    assert counted == {"wandb": (0, 0), "mlflow": (0, 0), "memory": (1, 1)}


def test_url_prints_its_runs_page(drained: Drained, said: list[str]) -> None:
    assert said[1] == f"{drained.url}\n"


def test_explain_says_what_it_said(said: list[str]) -> None:
    (found,) = json.loads(said[2])
    assert found["last_error"] == (
        "the provider refuses this result: the token [hidden] may not write this"
    )


def test_runs_lists_its_deliveries(said: list[str]) -> None:
    found = json.loads(said[3])
    assert {"good": "delivered", "bad": "dead"}.items() <= {
        one["test_id"]: one["status"] for one in found
    }.items()


def test_it_is_paused_and_resumed(drained: Drained) -> None:
    told = drained.house.said("pause memory", "status --json", "resume memory", "status --json")
    paused_at = [json.loads(text)["providers"]["memory"]["paused_at"] for text in told[1::2]]
    assert (bool(paused_at[0]), paused_at[1]) == (True, None)


def test_doctor_probes_it(drained: Drained) -> None:
    assert "ok    memory: takes runs\n" in drained.house.run("doctor").stdout


def test_its_secret_is_hidden_in_the_log(drained: Drained) -> None:
    assert "the token [hidden] may not write this" in drained.log
    assert TOKEN not in drained.log


def test_its_secret_is_not_in_the_database(drained: Drained) -> None:
    held = b"".join(file.read_bytes() for file in drained.house.place.glob("results.db*"))
    assert b"may not write this" in held
    assert TOKEN.encode() not in held


def test_the_api_tells_where_it_sends(drained: Drained, answers: dict[str, Any]) -> None:
    code, body = answers["status"]
    assert (code, body["status"]["memory"]) == (
        200,
        {"enabled": True, "directory": str(drained.house.runs)},
    )


def test_the_api_knows_its_runs_page(drained: Drained, answers: dict[str, Any]) -> None:
    code, body = answers["url"]
    assert (code, body["provider"], body["url"]) == (200, "memory", drained.url)


def test_the_api_lists_its_deliveries(answers: dict[str, Any]) -> None:
    code, body = answers["runs"]
    assert (code, {one["test_id"] for one in body["runs"]}) == (200, {"good", "bad"})


def test_the_api_takes_a_result_for_it(answers: dict[str, Any]) -> None:
    code, body = answers["log"]
    assert (code, body["logging_status"]["memory"]["status"]) == (202, "pending")
    assert body["logging_status"]["mlflow"] == {"enabled": False, "success": False}


@pytest.mark.parametrize("status", ["delivered", "dead"])
def test_its_deliveries_are_among_the_metrics(answers: dict[str, Any], status: str) -> None:
    line = f'fairmind_sync_deliveries{{provider="memory",status="{status}"}} 1.0\n'
    assert line in answers["metrics"]


def test_the_status_page_can_filter_by_it_and_pause_it(answers: dict[str, Any]) -> None:
    for wanted in ("<option>memory</option>", 'action="/providers/memory/'):
        assert wanted in answers["page"]


@pytest.mark.nightly
def test_it_works_beside_the_others_that_are_away(tmp_path: Path) -> None:
    """Their names are joined by commas."""
    house = build(tmp_path / "house")
    env = {
        "MLOPS_PROVIDER": "wandb,mlflow,memory",
        "WANDB_API_KEY": API_KEY,
        "WANDB_BASE_URL": NOWHERE,
        "MLFLOW_TRACKING_URI": NOWHERE,
        "TMPDIR": str(tmp_path),
    }
    house.save(RESULTS[0], **env)
    house.run("drain", **env)
    found = json.loads(house.run("status", "--json", **env).stdout)["providers"]
    assert {name: (one["pending"], one["delivered"]) for name, one in found.items()} == {
        "wandb": (1, 0),
        "mlflow": (1, 0),
        "memory": (0, 1),
    }
