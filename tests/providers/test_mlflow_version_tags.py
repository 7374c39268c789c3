"""Which tags a registered model's version gets, and when it gets none: no server is asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fairmind_sync.providers.mlflow.model_tags import SAVED_AT, tag_model_version
from fairmind_sync.providers.mlflow.runs_api import MlflowRefusedError
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.model_version import ModelVersion
from tests.support.values import saved_result

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
SAVED = "2026-01-02T03:04:05.678+00:00"
FAILED = {"overall_bias_detected": True, "overall_risk": "high"}
WHOLE = {
    "bias.verdict": "failed",
    "bias.risk": "high",
    "bias.test_id": "t",
    "bias.run_url": "http://run",
    SAVED_AT: SAVED,
}


@dataclass
class Registry:
    """In the place of MLflow's calls; holds one version's tags."""

    held: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None
    asked: list[ModelVersion] = field(default_factory=list)
    given: list[tuple[str, str]] = field(default_factory=list)

    def model_version_tags(self, version: ModelVersion) -> dict[str, str]:
        self.asked.append(version)
        if self.error:
            raise self.error
        return self.held

    def tag_model_version(self, version: ModelVersion, key: str, value: str) -> None:
        assert version == self.asked[-1]
        self.given.append((key, value))


def result(**changes: Any) -> SavedResult:
    fields = {"test_id": "t", "model_id": "credit", "metadata": {"model_version": 3}}
    return saved_result(**(fields | {"results": FAILED, "created_at": TIME} | changes))


def tag(registry: Registry, of: SavedResult, url: str | None = "http://run") -> None:
    api: Any = registry
    tag_model_version(api, of, url)


def test_a_version_gets_the_verdict_the_run_and_last_the_time() -> None:
    tag(registry := Registry(), result())
    assert registry.asked == [ModelVersion("credit", "3")]
    assert registry.given == [*WHOLE.items()]


def test_what_is_not_stated_is_no_tag() -> None:
    tag(registry := Registry(), result(results={"accuracy": 0.5}), None)
    assert registry.given == [("bias.test_id", "t"), (SAVED_AT, SAVED)]


def test_what_the_version_has_is_not_set_again() -> None:
    tag(registry := Registry(WHOLE | {"bias.risk": "low"}), result())
    assert registry.given == [("bias.risk", "high")]


@pytest.mark.parametrize(("held", "count"), [("2026-01-02T03:04:05.679+00:00", 0), (SAVED, 4)])
def test_a_newer_results_tags_stay(held: str, count: int) -> None:
    tag(registry := Registry({SAVED_AT: held}), result())
    assert len(registry.given) == count


def test_a_result_without_a_version_asks_nothing() -> None:
    tag(registry := Registry(), result(metadata={}))
    assert registry.asked == []


def test_a_version_that_the_registry_does_not_know_gets_no_tag() -> None:
    error = MlflowRefusedError("RESOURCE_DOES_NOT_EXIST", "no such")
    tag(registry := Registry(error=error), result())
    assert registry.given == []


def test_another_refusal_is_told() -> None:
    with pytest.raises(MlflowRefusedError, match="no rights"):
        tag(Registry(error=MlflowRefusedError("PERMISSION_DENIED", "no rights")), result())


def test_a_long_url_is_shortened() -> None:
    tag(registry := Registry(), replace(result()), "u" * 300)
    assert [len(value) for key, value in registry.given if key == "bias.run_url"] == [250]
