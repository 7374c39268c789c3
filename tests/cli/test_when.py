"""Times as people give them, and as they are shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from fairmind_sync.api.pages.rendering import ago
from fairmind_sync.cli import when
from fairmind_sync.clock import utc_now
from fairmind_sync.text import lasting

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own zone is not UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31T13:00+01:00", NOON),
        ("2026-01-31 12:00", NOON),
        ("2026-01-31", NOON.replace(hour=0)),
    ],
)
def test_a_time_is_taken_in_iso_form(text: str, expected: datetime) -> None:
    assert when.since(text) == expected


def test_a_date_alone_is_a_whole_day() -> None:
    assert when.until("2026-01-31") - when.since("2026-01-31") == timedelta(
        hours=24, microseconds=-1
    )


@pytest.mark.parametrize(
    ("text", "ago"),
    [("45s", timedelta(seconds=45)), ("2h", timedelta(hours=2)), ("7D", timedelta(days=7))],
)
def test_a_time_is_taken_as_so_long_ago(text: str, ago: timedelta) -> None:
    before = utc_now()
    assert before <= when.since(text) + ago <= utc_now()


@pytest.mark.parametrize(
    "text", ["yesterday", "", "2026-02-30", "999999d", "7", "0001-01-01T00:00+23:00"]
)
def test_what_is_no_time_is_told_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time: give one such as 2026-01-31"):
        when.since(text)


def test_a_time_is_shown_with_its_zone() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert when.shown(there) == "2026-01-31 12:00:00 UTC"


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=48), "2 d"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_an_age_has_its_largest_unit(ago: timedelta, shown: str) -> None:
    assert when.age(NOON - ago, NOON) == shown


def test_the_page_tells_a_time_as_the_command_line_does() -> None:
    long_ago = timedelta(hours=47, minutes=59)
    told = (lasting(long_ago), ago(NOON - long_ago, NOON), when.age(NOON - long_ago, NOON))
    assert told == ("47 h", "47 h ago", "47 h")


def test_what_never_was_has_neither_time_nor_age() -> None:
    assert (when.shown(None), when.age(None, NOON)) == ("", "")
