"""What the endpoints take and give, as the document names it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Identifier = Field(min_length=1, max_length=500)


class LogTestRequest(BaseModel):
    """A result to save and deliver."""

    test_id: str = Identifier
    model_id: str = Identifier
    test_type: str = Identifier
    results: dict[str, Any]
    metadata: dict[str, Any] | None = None
    user_id: str | None = None
    dataset_id: str | None = None
    wait: float = Field(10.0, ge=0, le=60, description="seconds to wait for the delivery")


class ProviderLog(BaseModel):
    """One provider's share; all but the first four fields are there only where it is enabled."""

    enabled: bool
    success: bool
    run_id: str | None = None
    url: str | None = None
    status: str | None = None
    delivery_id: int | None = None
    error: str | None = None


class LogTestResponse(BaseModel):
    """`success` once every enabled provider holds its run; until then `status` says 'pending'."""

    success: bool
    status: Literal["delivered", "pending", "failed"]
    logging_status: dict[str, ProviderLog]


class StatusResponse(BaseModel):
    success: bool
    status: dict[str, Any]
    enabled: bool


class RunUrlResponse(BaseModel):
    success: bool
    provider: str
    run_id: str
    url: str | None
