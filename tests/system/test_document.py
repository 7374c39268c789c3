"""The ordering document's snippets, run as they stand against a live daemon of the installed wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fairmind_sync import mlops_integration
from tests.conftest import API_KEY
from tests.standins.wandb import StandInWandb, serve_wandb
from tests.support.processes import eventually, running_daemon
from tests.system.document import TEXT, blocks

RUN_SNIPPET = """
import ast, asyncio, inspect, sys
code = compile(sys.stdin.read(), "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
result = eval(code, {"__name__": "snippet"})
if inspect.iscoroutine(result):
    asyncio.run(result)
"""
SERVICES = {
    "bias_test_results": "from fairmind_sync import bias_test_results\n",
    "mlops_integration": "from fairmind_sync import mlops_integration\n",
}


@dataclass(frozen=True)
class Backend:
    """A FairMind backend's working directory, and the daemon that serves it."""

    place: Path
    env: dict[str, str]
    url: str

    def python(self, snippet: str) -> str:
        return self._run([sys.executable, "-c", RUN_SNIPPET], snippet)

    def shell(self, script: str) -> str:
        return self._run(["bash", "-e"], script)

    def _run(self, command: list[str], stdin: str) -> str:
        return subprocess.run(
            command,
            input=stdin,
            env=os.environ | self.env,
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        ).stdout


@pytest.fixture(scope="module")
def wandb() -> Iterator[StandInWandb]:
    with serve_wandb(api_keys={API_KEY}) as standin:
        yield standin


@pytest.fixture(scope="module")
def shared_backend(
    shared_place: Path, installed_wheel: Path, wandb: StandInWandb, mlflow_uri: str
) -> Iterator[Backend]:
    env = {
        "PYTHONPATH": str(installed_wheel),
        "MLOPS_PROVIDER": "both",
        "WANDB_API_KEY": API_KEY,
        "WANDB_BASE_URL": wandb.base_url,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{shared_place / 'results.db'}",
    }
    services = shared_place / "services"
    services.mkdir()
    for name, line in SERVICES.items():
        (services / f"{name}.py").write_text(line)
    with running_daemon(env, shared_place, started=True) as daemon:
        yield Backend(shared_place, env, daemon.url)


@pytest.fixture
def backend(shared_backend: Backend) -> Backend:
    """Curl takes the document's address for the daemon's."""
    port = shared_backend.url.rsplit(":", 1)[-1]
    home = Path(os.environ["HOME"])
    home.mkdir(exist_ok=True)
    curl_settings = f"silent\nconnect-to = localhost:8000:127.0.0.1:{port}\n"
    (home / ".curlrc").write_text(curl_settings)
    return shared_backend


@pytest.fixture
def warm_backend(backend: Backend) -> Backend:
    """Its workers have loaded their SDKs: what is logged now is delivered while the caller still waits."""
    first = {"test_id": "first", "model_id": "m", "test_type": "t", "results": {"a": 1}, "wait": 60}
    answer = httpx2.post(f"{backend.url}/api/v1/mlops/log-test", json=first, timeout=70)
    assert answer.status_code == 200
    return backend


def curl_lines() -> list[str]:
    """The three commands, each on its own."""
    if shutil.which("curl") is None:
        if os.environ.get("CI"):
            pytest.fail("curl is missing: apt-get install curl")
        pytest.skip("curl is missing")
    (block,) = blocks("bash", holding="/api/v1/mlops/log-test")
    return [part.split("\n", 1)[1] for part in block.split("# ") if "curl" in part]


def test_the_automatic_logging_snippet_saves_and_both_providers_receive(
    backend: Backend, wandb: StandInWandb
) -> None:
    (snippet,) = blocks("python", holding="await bias_test_results.save_test_result")
    backend.python(snippet)
    arrived = eventually(
        lambda: [
            run
            for run in wandb.runs.values()
            if run.state == "finished" and "protected_attributes" in run.config
        ]
    )
    assert [run.config["protected_attributes"] for run in arrived] == [["gender", "race"]]


def test_the_programmatic_snippet_prints_both_run_ids(warm_backend: Backend) -> None:
    (snippet,) = blocks("python", holding="mlops_integration.log_bias_test")
    printed = warm_backend.python(snippet)
    ids = [line.split(": ")[1] for line in printed.splitlines() if "run ID" in line]
    assert [len(run_id) for run_id in ids] == [32, 32]


def test_the_status_curl_answers_with_the_documents_fields(backend: Backend) -> None:
    answer = json.loads(backend.shell(curl_lines()[0]))
    assert fields_of(documented_response("status")) <= fields_of(answer)


def test_the_log_test_curl_delivers_and_answers_with_the_documents_fields(
    warm_backend: Backend,
) -> None:
    answer = json.loads(warm_backend.shell(curl_lines()[1]))
    expected = fields_of(documented_response("logging_status"))
    assert answer["success"] is True
    assert expected <= fields_of(answer)


def test_the_run_url_curl_answers_not_found_for_the_placeholder(backend: Backend) -> None:
    assert "run_id_here" in json.loads(backend.shell(curl_lines()[2]))["detail"]


def test_the_run_url_curl_answers_with_the_documents_fields_for_a_real_run(
    warm_backend: Backend,
) -> None:
    logged = json.loads(warm_backend.shell(curl_lines()[1]))["logging_status"]["wandb"]
    answer = json.loads(
        warm_backend.shell(curl_lines()[2].replace("run_id_here", logged["run_id"]))
    )
    assert answer == {
        "success": True,
        "provider": "wandb",
        "run_id": logged["run_id"],
        "url": logged["url"],
    }


def test_the_url_that_is_given_opens(warm_backend: Backend) -> None:
    logged = json.loads(warm_backend.shell(curl_lines()[1]))["logging_status"]["wandb"]
    assert httpx2.get(logged["url"], timeout=240).status_code == 200


@pytest.mark.parametrize("provider", ["none", "wandb", "mlflow", "both"])
def test_every_provider_option_of_the_document_is_taken(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"| `{provider}` |" in TEXT
    monkeypatch.setenv("MLOPS_PROVIDER", provider)
    assert mlops_integration.get_status()["provider"] == provider


def documented_response(holding: str) -> dict[str, Any]:
    """The document's JSON example of a response that holds the field."""
    (example,) = [
        parsed
        for block in blocks("json")
        if "success" in (parsed := json.loads(block)) and holding in parsed
    ]
    return dict(example)


def fields_of(value: Any, path: str = "") -> set[str]:
    """Every field's path."""
    if not isinstance(value, dict):
        return set()
    return {f"{path}/{key}" for key in value}.union(
        *(fields_of(item, f"{path}/{key}") for key, item in value.items())
    )
