"""A registered model's version tells the verdict of the newest result, where that is asked for."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import Engine

from fairmind_sync.operating import evidence_actions
from tests.providers.test_mlflow import MlflowLab
from tests.standins.faults import Fault
from tests.standins.mlflow_proxy import MlflowProxy

PASSED = {"overall_bias_detected": False, "overall_risk": "low", "accuracy": 0.9}
FAILED = {"overall_bias_detected": True, "overall_risk": "high", "accuracy": 0.8}
ON = {"FAIRMIND_SYNC_MLFLOW_MODEL_TAGS": "true"}


class Registry:
    """A registered model of its own with one version."""

    def __init__(self, lab: MlflowLab) -> None:
        self.name = f"credit-{uuid4().hex}"
        self._uri = lab.uri
        lab.call("registered-models/create", name=self.name)
        lab.call("model-versions/create", name=self.name, source="s3://nobodys-bucket/model")

    def tags(self) -> dict[str, str]:
        asked = {"name": self.name, "version": "1"}
        url = f"{self._uri}/api/2.0/mlflow/model-versions/get"
        found = httpx2.get(url, params=asked, timeout=240).raise_for_status().json()
        return {tag["key"]: tag["value"] for tag in found["model_version"].get("tags", [])}


@pytest.fixture
def lab(engine: Engine, proxy: MlflowProxy) -> MlflowLab:
    return MlflowLab(engine, proxy.uri)


@pytest.fixture
def registry(lab: MlflowLab) -> Registry:
    return Registry(lab)


def save(lab: MlflowLab, registry: Registry, results: dict[str, Any]) -> None:
    lab.save(model_id=registry.name, metadata={"model_version": 1}, results=results)


def test_a_version_has_the_verdict_and_the_run(lab: MlflowLab, registry: Registry) -> None:
    save(lab, registry, FAILED)
    record = lab.drain(**ON)
    tags = registry.tags()
    assert (tags["bias.verdict"], tags["bias.risk"]) == ("failed", "high")
    assert (tags["bias.run_url"], tags["bias.test_id"]) == (record.run_url, record.test_id)


def test_a_version_is_left_alone_where_nobody_asked(lab: MlflowLab, registry: Registry) -> None:
    save(lab, registry, FAILED)
    lab.drain()
    assert registry.tags() == {}


def test_an_older_result_takes_nothing_from_a_newer_one(lab: MlflowLab, registry: Registry) -> None:
    save(lab, registry, FAILED)
    lab.drain(FAIRMIND_SYNC_EVIDENCE="none")
    save(lab, registry, PASSED)
    lab.drain(**ON)
    evidence_actions.backfill(lab.engine, "mlflow")
    lab.drain(**ON)
    assert registry.tags()["bias.verdict"] == "passed"


def test_a_newer_result_takes_an_older_ones_place(lab: MlflowLab, registry: Registry) -> None:
    for results in (FAILED, PASSED):
        save(lab, registry, results)
        lab.drain(**ON)
    assert registry.tags()["bias.verdict"] == "passed"


def test_a_repeated_call_sets_nothing_anew(
    lab: MlflowLab, registry: Registry, proxy: MlflowProxy
) -> None:
    save(lab, registry, FAILED)
    lab.drain(**ON)
    before = proxy.requests["tag_version"]
    lab.write(status="pending", finished_at=None)
    lab.drain(**ON)
    assert (before, proxy.requests["tag_version"]) == (5, 5)


def test_a_version_that_the_registry_does_not_know_is_no_fault(lab: MlflowLab) -> None:
    lab.save(model_id="unknown", metadata={"model_version": "7"}, results=PASSED)
    assert lab.drain(**ON).evidence_state == "stored"


def test_a_registry_that_refuses_holds_no_number_back(
    lab: MlflowLab, registry: Registry, proxy: MlflowProxy
) -> None:
    proxy.faults.replace([Fault("tag_version", "status", status=403)])
    save(lab, registry, PASSED)
    record = lab.drain(**ON)
    assert (record.status, record.evidence_state) == ("delivered", "refused")
