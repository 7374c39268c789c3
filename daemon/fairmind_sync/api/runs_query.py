"""What a request for deliveries may ask for, as its address holds it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from fairmind_sync.api.context import KnownProvider
from fairmind_sync.api.schemas import Status
from fairmind_sync.outbox.delivery_lookup import CHOSEN_BY, LARGEST_ID, RunFilter


def _written_out(value: str) -> str:
    """Refuses a bare number, which pydantic would take as seconds since 1970."""
    if value[4:5] != "-":
        raise ValueError("must be written like 2026-01-31T00:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is no date in UTC") from None


Since = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
_Text = Annotated[str | None, Field(max_length=500)]


class RunsQuery(BaseModel):
    """The fields that `CHOSEN_BY` names, under these names, and a place in the list."""

    test_id: _Text = None
    model_id: _Text = None
    search: _Text = Field(None, description="part of the id of the test or of the model")
    provider: KnownProvider | None = None
    status: Status | None = None
    user_id: _Text = None
    test_type: _Text = None
    risk: _Text = Field(None, examples=["high"])
    error: _Text = Field(None, description="part of the last error")
    error_kind: _Text = None
    cause: _Text = Field(
        None,
        description="the whole first line of the last error, with … for numbers, ids and what is quoted",
        examples=["the experiment … is deleted: restore it, or name another one"],
    )
    since: Since | None = Field(
        None, description="queued then or later", examples=["2026-01-31T00:00:00Z"]
    )
    until: Since | None = Field(
        None, description="queued before then", examples=["2026-02-28T00:00:00Z"]
    )
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[int | None, Field(ge=1, le=LARGEST_ID)] = Field(
        None, description="`next_cursor` of the page before"
    )

    def run_filter(self) -> RunFilter:
        return RunFilter(**self.model_dump(include={*CHOSEN_BY}), before=self.cursor)
