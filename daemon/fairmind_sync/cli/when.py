"""Times on the command line: parses `--since` and `--until` (7d, dates), and formats times and ages."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

import typer

from fairmind_sync.clock import duration_of, utc_now
from fairmind_sync.text import lasting

FORMS = "2026-01-31, 2026-01-31T12:00+01:00, or 7d for seven days ago"
"""What may be given; UTC is meant where no zone is given."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def since(text: str) -> datetime:
    """Returns the moment that is meant; a date alone is its first moment. UTC, where no zone is given.

    Raises:
        BadParameter: the text is no time.
    """
    return _moment(text, time.min)


def until(text: str) -> datetime:
    """Returns the moment that is meant, as `since` does; but a date alone is its last moment."""
    return _moment(text, time.max)


SINCE: dict[str, Any] = {"parser": since, "metavar": "TIME"}
UNTIL: dict[str, Any] = {"parser": until, "metavar": "TIME"}
"""What makes an option of typer's take a time."""


def _moment(text: str, of_a_day: time) -> datetime:
    try:
        if (ago := duration_of(text)) is not None:
            return utc_now() - ago
        if _DATE.fullmatch(text.strip()):
            return datetime.combine(date.fromisoformat(text.strip()), of_a_day, UTC)
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time: give one such as {FORMS}") from None


def shown(moment: datetime | None) -> str:
    """Returns the time as people read it, with its zone; nothing where there is none."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def age(moment: datetime | None, now: datetime) -> str:
    """Returns how long ago it was, in its largest unit; nothing where it never was."""
    if moment is None:
        return ""
    return lasting(max(0, int((now - moment).total_seconds())))
