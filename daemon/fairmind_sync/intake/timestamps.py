"""Reads a given timestamp, the time when a result was tested, as a moment in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from fairmind_sync.errors import PayloadError


def when_tested(timestamp: object) -> datetime | None:
    """Returns the moment, in UTC where a text names no zone; None where there is no timestamp.

    Raises:
        PayloadError: it is neither a text in ISO 8601 nor a datetime with its zone.
    """
    if timestamp is None:
        return None
    if isinstance(timestamp, datetime):
        return _with_zone(timestamp)
    try:
        moment = datetime.fromisoformat(timestamp)  # type: ignore[arg-type]  # what is no text is refused below
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise _no_time(timestamp) from None


def _with_zone(moment: datetime) -> datetime:
    """Returns the moment in UTC; a clock's time without a zone could be any zone's."""
    if moment.tzinfo is None:
        raise PayloadError("its timestamp has no time zone. Write datetime.now(UTC), for example.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise _no_time(moment) from None


def _no_time(timestamp: object) -> PayloadError:
    return PayloadError(f"its timestamp {timestamp!r} is no ISO 8601 time.")
