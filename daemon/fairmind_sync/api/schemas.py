"""Pydantic models of what endpoints take and give, with their
limits and examples: the document's first, then ours.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fairmind_sync.api.context import KnownProvider
from fairmind_sync.text import storable

Status = Literal["pending", "handed_over", "delivered", "dead", "discarded"]
MOST_VALUES = 100_000
"""The most keys and items, at all depths together, in `results` or `metadata` of a request."""

_RESULT = {
    "test_id": "test_123",
    "model_id": "my_model",
    "test_type": "ml_bias",
    "results": {"accuracy": 0.85, "bias_score": 0.12},
    "metadata": {"model_type": "classification"},
}
_LOG = {
    "enabled": True,
    "success": True,
    "run_id": "abc123",
    "url": "https://wandb.ai/team/project/runs/abc123",
    "status": "delivered",
    "delivery_id": 1,
}


def _example(**value: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class LogTestRequest(BaseModel):
    """A result to save and deliver."""

    model_config = _example(**_RESULT)

    test_id: str = Field(min_length=1, max_length=500)
    model_id: str = Field(max_length=500)
    test_type: str = Field(max_length=500)
    results: dict[str, Any]
    metadata: dict[str, Any] | None = None
    user_id: str | None = Field(None, max_length=500)
    dataset_id: str | None = Field(None, max_length=500)
    timestamp: str | None = Field(
        None,
        max_length=100,
        description="ISO 8601: when it was tested, if it is older than its save",
        examples=["2026-01-31T12:00:00Z"],
    )
    wait: float = Field(
        10.0, strict=True, ge=0, le=60, description="seconds to wait for the delivery"
    )

    @field_validator("results", "metadata")
    @classmethod
    def _must_be_bounded(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if _size(value) > MOST_VALUES:
            raise ValueError(f"holds more than {MOST_VALUES} values")
        return value


def _size(value: Any) -> int:
    """Counts keys and items at all depths, without recursion; stops once there are too many."""
    count, waiting = 0, [value]
    while waiting and count <= MOST_VALUES:
        found = waiting.pop()
        inner = found.values() if isinstance(found, dict) else found
        if isinstance(found, dict | list):
            count += len(found)
            waiting.extend(inner)
    return count


class ProviderLog(BaseModel):
    """One provider's share; all but the first four fields are there only where it is enabled."""

    enabled: bool
    success: bool
    run_id: str | None = None
    url: str | None = None
    status: Status | None = None
    delivery_id: int | None = None
    error: str | None = None


class LogTestResponse(BaseModel):
    """`success` once every enabled provider holds its run; until then `status` says 'pending'."""

    model_config = _example(
        success=True,
        status="delivered",
        logging_status={"wandb": _LOG, "mlflow": {"enabled": False, "success": False}},
    )

    success: bool
    status: Literal["delivered", "pending", "failed"]
    logging_status: dict[str, ProviderLog]


class WandbStatus(BaseModel):
    enabled: bool
    project: str | None
    entity: str | None


class MlflowStatus(BaseModel):
    enabled: bool
    tracking_uri: str | None
    experiment_name: str | None


class IntegrationStatus(BaseModel):
    """A disabled provider's values are null. `provider` is what MLOPS_PROVIDER says."""

    model_config = ConfigDict(extra="allow")  # providers that the document doesn't name

    provider: str
    wandb: WandbStatus
    mlflow: MlflowStatus


class StatusResponse(BaseModel):
    success: bool
    status: IntegrationStatus
    enabled: bool


class RunUrlResponse(BaseModel):
    """`url` is null where the provider has no pages, as a local MLflow store."""

    model_config = _example(
        success=True,
        provider="wandb",
        run_id="abc123",
        url="https://wandb.ai/team/project/runs/abc123",
    )

    success: bool
    provider: KnownProvider
    run_id: str
    url: str | None


class DeliveryOut(BaseModel):
    """One delivery as it stands; `run_id` and `run_url` once it is known which run it became."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    test_id: str
    revision: int
    user_id: str
    model_id: str
    test_type: str
    provider: KnownProvider
    status: Status
    attempts: int
    run_id: str | None
    run_url: str | None
    destination: str | None
    due_at: datetime
    last_error_kind: str | None
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None
    evidence_state: Literal["stored", "waiting", "refused"] | None = Field(
        description="of the delivered run's files; null where none were asked for"
    )
    evidence_reason: str | None


class RunsResponse(BaseModel):
    """`next_cursor` leads to older ones; null at the end."""

    success: bool = True
    runs: list[DeliveryOut]
    next_cursor: int | None


class AttemptOut(BaseModel):
    """One try; without an outcome it is under way or its worker died."""

    model_config = ConfigDict(from_attributes=True)

    started_at: datetime
    finished_at: datetime | None
    outcome: Literal["delivered", "retry", "dead", "released"] | None
    error_kind: str | None
    error: str | None


class TriedDelivery(DeliveryOut):
    attempt_log: list[AttemptOut] = Field(description="oldest first")


class ResultOut(BaseModel):
    """A result as FairMind's service gives it, with its deliveries."""

    id: str
    revision: int
    user_id: str | None
    model_id: str
    dataset_id: str | None
    test_type: str
    timestamp: datetime
    overall_risk: str | None
    metrics_passed: int
    metrics_failed: int
    summary: Any
    recommendations: Any
    results: dict[str, Any]
    metadata: dict[str, Any]
    deliveries: list[TriedDelivery]

    @field_validator("results", "metadata", "summary", "recommendations", mode="before")
    @classmethod
    def _must_be_unicode(cls, value: Any) -> Any:
        """Replaces lone surrogates, which are stored as given, but which UTF-8 can't hold."""
        return json.loads(storable(json.dumps(value, ensure_ascii=False)))


class ResultsResponse(BaseModel):
    """Every revision of the test, newest first."""

    success: bool = True
    results: list[ResultOut]


class DiscardRequest(BaseModel):
    model_config = _example(reason="the model was withdrawn")

    reason: str = Field(
        pattern=r"\S", min_length=1, max_length=1000, description="kept with the delivery"
    )


class DeliveryResponse(BaseModel):
    success: bool = True
    delivery: DeliveryOut


class ProviderResponse(BaseModel):
    """`state` is what is known of the provider; `paused` is what an operator wants."""

    success: bool = True
    provider: KnownProvider
    state: Literal["ready", "offline", "blocked"]
    paused: bool
    reason: str | None


class Health(BaseModel):
    """`reason` says what is missing where `ok` is false."""

    ok: bool
    reason: str | None = None
