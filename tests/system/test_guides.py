"""What the guides have a reader type is typed here, verbatim but for places, and does what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.support.documents import DOCS, python_snippets, shell_snippets
from tests.support.mlflow_runs import runs_of
from tests.support.postgres import PostgresServer

RUN_URL = re.compile(r"http://localhost:5001/#/experiments/1/runs/[0-9a-f]{32}")
RESULT = {"test_id": "test_123", "model_id": "m", "test_type": "ml_bias", "results": {"rate": 0.5}}
ON_A_SERVER = "postgresql+psycopg://fairmind_sync:choose-one@localhost/fairmind_sync"


def guide(name: str) -> str:
    return (DOCS / "guides" / name).read_text(encoding="utf-8")


def typed(script: str, place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell says that stops at the first command which fails."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=place,
        env=os.environ | {"PATH": path} | variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def shown(script: str, place: Path, **variables: str) -> str:
    ended = typed(script, place, **variables)
    assert ended.returncode == 0, ended
    return ended.stdout


def save_file(place: Path, test_id: str) -> None:
    (place / "results.jsonl").write_text(json.dumps(RESULT | {"test_id": test_id}))


@pytest.mark.nightly
def test_the_first_ten_minutes_end_with_two_runs(tmp_path: Path) -> None:
    said = shown("\n".join(shell_snippets(guide("first-ten-minutes.md"))), tmp_path)
    assert (len(RUN_URL.findall(said)), "exit code 1: something is left" in said) == (2, True)
    states = re.findall(r"^mlflow, delivery \d+ of test second: (\w+)", said, re.MULTILINE)
    assert states == ["pending", "delivered"]
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")


class TestGitHubActions:
    """The workflow's own steps, in its order, with its variables."""

    @pytest.fixture
    def job(self, tmp_path: Path) -> dict[str, Any]:
        text = guide("github-actions.md")
        (tmp_path / "bias_tests.py").write_text(python_snippets(text)[0])
        (tmp_path / "outbox").mkdir()
        (workflow,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        return dict(yaml.safe_load(workflow)["jobs"]["bias"])

    def run(self, job: dict[str, Any], place: Path, uri: str, experiment: str) -> dict[str, int]:
        """Exit codes by the step's name, of all but the installation."""
        fixed = {name: value for name, value in job["env"].items() if "${{" not in value}
        summary = {"GITHUB_STEP_SUMMARY": str(place / "summary")}
        server = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": experiment}
        steps = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
        assert steps.pop("Install") == "pip install 'fairmind-sync[mlflow]'"
        return {
            name: typed(script, place, **fixed, **server, **summary).returncode
            for name, script in steps.items()
        }

    @pytest.mark.nightly
    def test_it_delivers_and_says_where(
        self, job: dict[str, Any], tmp_path: Path, mlflow_uri: str
    ) -> None:
        experiment = f"actions-{uuid4().hex}"
        codes = self.run(job, tmp_path, mlflow_uri, experiment)
        assert codes == dict.fromkeys(codes, 0)
        (run,) = runs_of(mlflow_uri, experiment)
        summary = (tmp_path / "summary").read_text()
        assert (run.id in summary, summary.count("| --- |") > 1) == (True, True)

    @pytest.mark.nightly
    def test_it_fails_on_a_failed_verdict(
        self, job: dict[str, Any], tmp_path: Path, mlflow_uri: str
    ) -> None:
        script = tmp_path / "bias_tests.py"
        script.write_text(script.read_text().replace("0.41", "0.31"))
        codes = self.run(job, tmp_path, mlflow_uri, f"actions-{uuid4().hex}")
        assert [name for name, code in codes.items() if code] == ["Fail on a failed verdict"]

    def test_it_fails_while_something_is_left_and_the_next_job_delivers_that(
        self, job: dict[str, Any], tmp_path: Path, mlflow_uri: str, silent_port: int
    ) -> None:
        experiment = f"actions-{uuid4().hex}"
        codes = self.run(job, tmp_path, f"http://127.0.0.1:{silent_port}", experiment)
        assert [name for name, code in codes.items() if code] == [
            "Save, and deliver for two minutes at most"
        ]
        assert set(self.run(job, tmp_path, mlflow_uri, experiment).values()) == {0}
        assert len(runs_of(mlflow_uri, experiment)) == 1

    def test_what_is_kept_between_jobs_is_the_databases_folder(self, job: dict[str, Any]) -> None:
        kept = {step["with"]["path"] for step in job["steps"] if "cache" in step.get("uses", "")}
        assert kept == {"outbox"}
        assert job["env"]["FAIRMIND_SYNC_DATABASE_URL"] == "sqlite:///outbox/fairmind-sync.db"


@pytest.mark.nightly
def test_results_cross_an_air_gap_once_and_their_urls_come_back(
    tmp_path: Path, mlflow_uri: str
) -> None:
    (tmp_path / "stick").mkdir()
    text = guide("air-gapped.md").replace("/media/stick", str(tmp_path / "stick"))
    meeting, met, met_too, at_home, at_the_couriers, back = shell_snippets(text)
    home = {"FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'home' / 'home.db'}"}
    experiment = f"gap-{uuid4().hex}"
    courier = {
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'courier' / 'courier.db'}",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": experiment,
    }
    shown(meeting, tmp_path, **home)
    shown(met, tmp_path, **courier)
    shown(met_too, tmp_path, **home)
    tests = ("test_123", "test_124")
    for (
        test_id
    ) in tests:  # home hears of the first trip only after the second, which brings the first again
        save_file(tmp_path, test_id)
        shown(at_home, tmp_path, **home)
        shown(at_the_couriers, tmp_path, **courier)
    came_back = shown("\n".join(back.replace("test_123", one) for one in tests), tmp_path, **home)
    urls = re.findall(r"^http\S+/runs/(\w+)$", came_back, re.MULTILINE)
    assert sorted(urls) == sorted(run.id for run in runs_of(mlflow_uri, experiment))
    assert len(urls) == 2


@pytest.mark.nightly
def test_a_file_moves_to_postgresql_with_its_runs(
    tmp_path: Path, postgres: PostgresServer, mlflow_uri: str
) -> None:
    name = postgres.new_database()
    file = tmp_path / "fairmind-sync.db"
    text = guide("postgresql.md").replace(ON_A_SERVER, f'"{postgres.url(name)}"')
    copying, looking = shell_snippets(text.replace("/srv", str(tmp_path)))
    env = {"MLOPS_PROVIDER": "mlflow", "MLFLOW_TRACKING_URI": mlflow_uri}
    old = env | {"FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{file}"}
    save_file(tmp_path, "test_123")
    before = shown("fairmind-sync save results.jsonl --drain; fairmind-sync runs", tmp_path, **old)
    shown(copying, tmp_path, **old)
    looking = looking.replace("doctor", "doctor || true")  # the tests' server goes without fsync
    after = shown(f"{looking}\nfairmind-sync runs", tmp_path, **env)
    postgres.drop(name)
    assert after.splitlines()[-1] == before.splitlines()[-1]
