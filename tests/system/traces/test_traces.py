"""Traces of real processes: one saves, another delivers to real servers, and a collector gets the spans."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import API_KEY
from tests.standins.faults import Fault
from tests.standins.otlp import Collector, HeldSpan, serve_collector
from tests.standins.wandb import serve_wandb
from tests.support.processes import command, eventually, running_daemon

CLIENT = 3
SECRETS = ("a-password-of-mlflow", "a-password-of-a-proxy", API_KEY, "a-value-of-the-payload")
RESULT = {
    "test_id": "traced",
    "user_id": "u",
    "model_id": "m",
    "test_type": "ml_bias",
    "results": {"accuracy": 0.5, "note": "a-value-of-the-payload"},
}
NO_TRACES = """
import sys
from fairmind_sync import bias_test_results
bias_test_results.save_test_result_sync("t", "u", "m", None, "ml_bias", {"accuracy": 1.0})
print([name for name in sys.modules if name.startswith(("opentelemetry", "fairmind_sync.tracing."))])
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with serve_collector() as collector:
        yield collector


@pytest.fixture
def env(tmp_path: Path, mlflow_uri: str, collector: Collector) -> dict[str, str]:
    """Of a save and a delivery to MLflow, with secrets that must not get anywhere."""
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri.replace("://", f"://user:{SECRETS[0]}@"),
        "MLFLOW_EXPERIMENT_NAME": f"traces {uuid4()}",
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'results.db'}",
        "HTTPS_PROXY": f"http://user:{SECRETS[1]}@127.0.0.1:9",
        **collector.variables,
    }


def save(env: dict[str, str]) -> None:
    command("save", "-", env=env, stdin=json.dumps(RESULT))


def status_of(env: dict[str, str]) -> list[str]:
    """The statuses of all deliveries."""
    told = json.loads(command("runs", "--json", env=env).stdout)
    return [one["status"] for one in (told["runs"] if isinstance(told, dict) else told)]


def by_id(collector: Collector) -> dict[str, HeldSpan]:
    return {span.id: span for span in collector.spans}


def test_one_trace_tells_a_delivery_from_save_to_record(
    env: dict[str, str], collector: Collector
) -> None:
    save(env)
    command("drain", env=env)
    (root,) = collector.named("save mlflow")
    (attempt,) = collector.named("deliver mlflow")
    below = [span for span in collector.spans if span.parent == attempt.id]
    assert {span.trace for span in collector.spans} == {root.trace}
    assert (root.parent, attempt.parent) == ("", root.id)
    assert len(collector.spans) == 2 + len(below)
    order = [span.name for span in sorted(below, key=lambda span: span.ended)]
    numbers = ["POST runs/create", "POST runs/log-batch", "POST runs/update"]
    assert [name for name in order if name in ("claim", "record", *numbers)] == [
        "claim",
        *numbers,
        "record",
    ]
    assert Counter(order)["PUT artifact"] > 1


def test_a_request_tells_method_path_host_and_status_alone(
    env: dict[str, str], collector: Collector
) -> None:
    save(env)
    command("drain", env=env)
    (create,) = collector.named("POST runs/create")
    assert (create.kind, create.attributes) == (
        CLIENT,
        {
            "http.request.method": "POST",
            "url.path": "/api/2.0/mlflow/runs/create",
            "server.address": "127.0.0.1",
            "http.response.status_code": 200,
        },
    )


def test_no_secret_and_nothing_of_a_payload_is_sent(
    env: dict[str, str], collector: Collector
) -> None:
    nowhere = f"http://user:{SECRETS[0]}@127.0.0.1:9"
    save(env)
    command("drain", env=env | {"MLFLOW_TRACKING_URI": nowhere}, check=False)
    command("drain", env=env)
    assert [
        span.attributes["fairmind_sync.outcome"] for span in collector.named("deliver mlflow")
    ] == [
        "released",
        "delivered",
    ]
    assert secrets_in(collector) == []


def secrets_in(collector: Collector) -> list[str]:
    everything = b"".join(collector.raw)
    assert b"traced" in everything
    return [secret for secret in SECRETS if secret.encode() in everything]


def test_a_daemon_traces_both_providers(
    env: dict[str, str], collector: Collector, tmp_path: Path
) -> None:
    with serve_wandb({API_KEY}) as standin:
        more = {
            "MLOPS_PROVIDER": "both",
            "WANDB_API_KEY": API_KEY,
            "WANDB_BASE_URL": standin.base_url,
            "OTEL_SERVICE_NAME": "bias-results",
        }
        with running_daemon(env | more, tmp_path):
            save(env | more)
            eventually(lambda: len(collector.named("record")) == 2)
    (attempt,) = collector.named("deliver wandb")
    (root,) = collector.named("save wandb")
    names = {span.name for span in collector.spans if span.parent == attempt.id}
    assert (attempt.parent, attempt.trace) == (root.id, root.trace)
    assert {"claim", "wandb upload", "wandb read back", "record"} <= names
    assert {span.service for span in collector.spans} == {"bias-results"}
    assert len({span.trace for span in collector.spans}) == 2
    assert secrets_in(collector) == []


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_nothing_is_sent_without_the_variables(
    env: dict[str, str], collector: Collector, variable: str
) -> None:
    off = env | {variable: "true" if variable.endswith("DISABLED") else ""}
    save(off)
    command("drain", env=off)
    assert (status_of(off), collector.raw) == (["delivered"], [])


@pytest.mark.parametrize("fault", [None, "hang"])
def test_a_collector_that_is_down_or_hangs_holds_no_delivery_back(
    env: dict[str, str], collector: Collector, silent_port: int, fault: str | None
) -> None:
    patient = env | {"OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}
    if fault is None:
        patient["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{silent_port}"
    else:
        collector.faults.replace([Fault("traces", "hang")])
    save(patient)
    command("drain", env=patient)
    assert status_of(patient) == ["delivered"]


def test_a_collector_that_is_away_is_told_of_once(
    env: dict[str, str], silent_port: int, tmp_path: Path
) -> None:
    away = env | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent_port}"}
    save(away)
    ended = command("drain", env=away | {"OTEL_BSP_SCHEDULE_DELAY": "10"})
    assert sum("opentelemetry" in line for line in ended.stderr.splitlines()) <= 1


def test_a_producer_imports_nothing_of_opentelemetry(tmp_path: Path) -> None:
    place = {"FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'results.db'}"}
    ran = subprocess.run(
        [sys.executable, "-c", NO_TRACES],
        env={**os.environ, **place},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=240,
    )
    assert ran.stdout == "['fairmind_sync.tracing.untraced']\n"
