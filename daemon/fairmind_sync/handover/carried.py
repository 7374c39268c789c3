"""What one entry of a bundle holds, a result with deliveries or an
outcome: made when written, validated when read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fairmind_sync.errors import BundleError, PayloadError
from fairmind_sync.handover.bundle_header import as_known
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.outbox.arrivals import ArrivingDelivery, ArrivingResult, ToldOutcome
from fairmind_sync.outbox.hand_overs import OutgoingResult
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.evidence_states import EVIDENCE_STATES
from fairmind_sync.results.privacy import Pattern

_ENTRY = "an entry of the bundle"
_LARGEST = 2**31 - 1
_LARGEST_REVISION = _LARGEST // 2
"""What is saved here of the same test has the numbers after it."""
_NOT_UNDER_WAY = timedelta(minutes=1)
"""A create that began so long ago has ended: a provider waits for half a minute at most."""
_Key = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Count = Annotated[int, Field(ge=1, le=_LARGEST)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("no_time_in_utc", "no time in UTC") from None


_Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_utc)]


class CarriedDelivery(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    provider: str
    key: _Key
    epoch: _Count
    create_attempted_at: _Moment | None = None


class CarriedResult(BaseModel):
    """A result as saved at its site: `results`, `metadata` and `removed` are JSON text."""

    model_config = ConfigDict(strict=True, extra="ignore")

    test_id: str
    user_id: str
    revision: Annotated[int, Field(ge=1, le=_LARGEST_REVISION)]
    model_id: str
    dataset_id: str
    test_type: str
    results: str
    metadata: str
    removed: str | None = None
    created_at: _Moment
    deliveries: Annotated[list[CarriedDelivery], Field(min_length=1)]


class CarriedOutcome(BaseModel):
    """What became of a delivery at the site that had it to deliver."""

    model_config = ConfigDict(strict=True, extra="ignore")

    provider: str
    key: _Key
    epoch: _Count
    state: Literal["pending", "delivered", "dead", "discarded"]
    was_tried: bool
    run_id: str | None = None
    run_url: str | None = None
    destination: str | None = None
    finished_at: _Moment | None = None
    error_kind: Annotated[str, Field(pattern="^[ -~]{1,32}$")] | None = None
    error: str | None = None
    evidence_state: str | None = None
    evidence_reason: str | None = None


def entry_of_result(result: OutgoingResult, now: datetime) -> dict[str, Any]:
    """Returns the entry that carries the result; the ids of rows stay here.

    A bundle can be taken back, and come all the same, when others have made the run. So each delivery says
    that a run may be there, and is looked for where it comes; but nobody waits there for one under way.
    """
    entry = asdict(result)
    for delivery in entry["deliveries"]:
        del delivery["id"]
        delivery["create_attempted_at"] = delivery["create_attempted_at"] or now - _NOT_UNDER_WAY
    return _plain(entry)


def entry_of_outcome(outcome: ToldOutcome) -> dict[str, Any]:
    return _plain(asdict(outcome))


def arriving(entry: object, private_fields: Sequence[Pattern]) -> ArrivingResult:
    """Returns the result that the entry carries, also without what this site's `private_fields` match.

    Raises:
        BundleError: the entry is not one of a result, or holds what can't be stored.
    """
    carried = as_known(CarriedResult, entry, _ENTRY)
    for delivery in carried.deliveries:
        _require_known(delivery.provider)
    try:
        new = prepare(
            carried.test_id,
            carried.user_id,
            carried.model_id,
            carried.dataset_id,
            carried.test_type,
            json.loads(carried.results),
            json.loads(carried.metadata),
            private_fields=private_fields,
            created_at=carried.created_at,
            removed_before=_counts(carried.removed or "{}"),
        )
    except (PayloadError, ValueError, RecursionError, TypeError) as error:
        raise BundleError(
            f"the result of test {carried.test_id!r} can't be saved: {error}"
        ) from error
    return ArrivingResult(
        new, carried.revision, tuple(ArrivingDelivery(**dict(one)) for one in carried.deliveries)
    )


def told(entry: object) -> ToldOutcome:
    """Returns what the entry tells of a delivery.

    Raises:
        BundleError: the entry is not one of receipts, or says 'delivered' without a run.
    """
    carried = as_known(CarriedOutcome, entry, _ENTRY)
    _require_known(carried.provider)
    if carried.state == "delivered" and not carried.run_id:
        raise BundleError("an entry of the receipts says delivered, and names no run.")
    known = carried.evidence_state in EVIDENCE_STATES
    values = dict(carried) | ({} if known else {"evidence_state": None})
    return ToldOutcome(**values)


def once(keys: Iterator[str]) -> list[str]:
    """Returns the keys of a bundle's deliveries.

    Raises:
        BundleError: one of them is there twice.
    """
    seen: dict[str, None] = {}
    for key in keys:
        if key in seen:
            raise BundleError(f"the bundle holds the delivery {key} twice.")
        seen[key] = None
    return [*seen]


def _counts(removed: str) -> dict[str, int]:
    counts = json.loads(removed)
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise TypeError("what was left out of it is not counted by pattern.")
    return counts


def _require_known(provider: str) -> None:
    if provider not in PROVIDERS:
        raise BundleError(
            f"the bundle holds deliveries to {provider!r}, which this version doesn't know. "
            "Upgrade this installation: pip install --upgrade fairmind-sync."
        )


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns the entry with times as text; what may hold half a character is escaped by its JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(entry, default=lambda time: time.isoformat()))
    return plain
