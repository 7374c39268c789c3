"""The filter form of the list of deliveries, as a page's address holds it, turned into a `RunFilter`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from fairmind_sync.api.pages.rendering import link
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID, RunFilter

_Word = Annotated[str, Field(max_length=500)]
_Id = Annotated[int | None, Field(ge=1, le=LARGEST_ID)]


class DeliveryFilter(BaseModel):
    """The form's fields; an empty one restricts nothing.

    `since` and `until` are days of UTC, both included. `retried` and `discarded` tell how many deliveries
    were changed a moment ago; `chosen` is 0 where nothing was chosen for that.
    """

    q: _Word = ""
    test: _Word = ""
    model: _Word = ""
    provider: _Word = ""
    status: _Word = ""
    user: _Word = ""
    type: _Word = ""
    risk: _Word = ""
    error: _Word = ""
    cause: _Word = ""
    kind: _Word = ""
    since: date | None = None
    until: date | None = None
    sort: Literal["newest", "oldest"] = "newest"
    before: _Id = None
    after: _Id = None
    cursor: _Id = None
    retried: int | None = None
    discarded: int | None = None
    chosen: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty_fields(cls, given: Any) -> Any:
        """Leaves out empty fields, as a browser sends a form's."""
        is_form = isinstance(given, dict)
        return {name: value for name, value in given.items() if value != ""} if is_form else given

    @property
    def fields(self) -> dict[str, str]:
        """The fields that restrict something, as an address holds them; without the place in the list."""
        given = self.model_dump(mode="json", include=_RESTRICTING)
        return {name: value for name, value in given.items() if value and value != "newest"}

    @property
    def is_narrow(self) -> bool:
        """Whether anything is left out."""
        return bool(self.fields.keys() - {"sort"})

    @property
    def is_further(self) -> bool:
        """Whether the list doesn't begin at its beginning."""
        return any((self.before, self.after, self.cursor))

    def run_filter(self) -> RunFilter:
        return RunFilter(
            search=self.q or None,
            test_id=self.test or None,
            model_id=self.model or None,
            provider=self.provider or None,
            status=self.status or None,
            user_id=self.user or None,
            test_type=self.type or None,
            risk=self.risk or None,
            error=self.error or None,
            cause=self.cause or None,
            error_kind=self.kind or None,
            since=_midnight(self.since),
            until=_midnight(self.until, days=1),
            before=self.before or self.cursor,
            after=self.after,
            is_oldest_first=self.sort == "oldest",
        )

    def link(self, path: str = "/deliveries", **more: object) -> str:
        """Returns the address of a page with the same filter, and other fields."""
        return link(path, **(self.fields | more))


_RESTRICTING = {
    *("q", "test", "model", "provider", "status", "user", "type", "risk", "error", "cause", "kind"),
    *("since", "until", "sort"),
}


def _midnight(day: date | None, days: int = 0) -> datetime | None:
    if day is None:
        return None
    try:
        return datetime.combine(day + timedelta(days), time(), UTC)
    except OverflowError:
        return None
