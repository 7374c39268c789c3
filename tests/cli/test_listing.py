"""Listings on terminals of several widths, with and without hyperlinks, and in a pipe."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

import pytest
from rich.cells import cell_len

from fairmind_sync.cli import showing
from fairmind_sync.cli.drawing import draw, shortened
from fairmind_sync.cli.listing import Column, Cut, Listing, Note, ShownOn
from fairmind_sync.cli.showing import show

LINK = re.compile(r"\x1b]8;[^;]*;([^\x1b]*)\x1b\\(.*?)\x1b]8;;\x1b\\")
STYLE = re.compile(r"\x1b\[[0-9;]*m")
URL = "https://mlflow.example.com/#/experiments/12/runs/0123456789abcdef0123456789abcdef"
LONG = "fairness-evaluation-2026-quarterly-gender-and-age-intersectional-00042"
ERROR = "Param value 'x' had length 7000, which exceeded the limit. " * 3


@dataclass(frozen=True)
class Line:
    """A row."""

    number: int
    name: str
    said: str | None


ROWS = [Line(1, "short", URL), Line(1_234_567, LONG, ERROR), Line(3, "\u5e73" * 40, None)]
COLUMNS = [
    Column("number", attrgetter("number"), is_number=True),
    Column("name", attrgetter("name"), Cut.MIDDLE),
    Column("said", attrgetter("said"), Cut.END),
]
Draw = Callable[..., str]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Draws a listing on a terminal of so many columns, and returns what was written."""

    def drawn(
        wide: int, listing: Listing | None = None, term: str = "xterm", program: str = ""
    ) -> str:
        monkeypatch.setenv("COLUMNS", str(wide))
        monkeypatch.setenv("TERM", term)
        monkeypatch.setenv("TERM_PROGRAM", program)
        out = _Terminal()
        draw(listing or Listing(COLUMNS, ROWS), out)
        return out.getvalue()

    return drawn


def plain(text: str) -> list[str]:
    """The lines as they are seen."""
    return STYLE.sub("", LINK.sub(r"\2", text)).splitlines()


@pytest.mark.parametrize("wide", [80, 100, 140])
def test_a_row_is_one_line_that_fits_the_terminal(drawn: Draw, wide: int) -> None:
    shown = plain(drawn(wide))
    assert len(shown) == 1 + len(ROWS)
    assert max(map(cell_len, shown)) <= wide


def test_a_shortened_url_is_whole_in_its_hyperlink(drawn: Draw) -> None:
    ((whole, seen),) = LINK.findall(drawn(80))
    assert (whole, seen.startswith("https:"), seen.endswith("cdef"), "…" in seen) == (
        URL, True, True, True
    )  # fmt: skip


def test_a_url_that_fits_is_seen_whole(drawn: Draw) -> None:
    ((whole, seen),) = LINK.findall(drawn(240))
    assert whole == seen == URL


@pytest.mark.parametrize("term", ["linux", "dumb"])
def test_without_hyperlinks_a_url_is_whole_on_a_line_below_its_row(drawn: Draw, term: str) -> None:
    shown = plain(drawn(80, term=term))
    place = shown.index(f"  {URL}")
    assert ("short" in shown[place - 1], len(shown)) == (True, 2 + len(ROWS))


def test_apples_terminal_gets_no_hyperlinks(drawn: Draw) -> None:
    assert f"\n  {URL}\n" in drawn(80, program="Apple_Terminal")


def test_thousands_are_set_apart_on_a_terminal_alone(drawn: Draw) -> None:
    assert ("1,234,567" in drawn(80), "1234567\t" in "".join(lines())) == (True, True)


def test_a_column_that_needs_more_room_is_left_out(drawn: Draw) -> None:
    wide = Listing([*COLUMNS[:1], Column("more", lambda _: "told", needs=100)], ROWS)
    assert [("more" in drawn(width, wide)) for width in (99, 100)] == [False, True]


@pytest.mark.parametrize(("cell", "is_shown"), [(None, False), ("told", True)])
def test_an_optional_column_is_left_out_where_it_is_empty(
    drawn: Draw, cell: str | None, *, is_shown: bool
) -> None:
    optional = Listing([*COLUMNS[:1], Column("more", lambda _: cell, optional=True)], ROWS)
    assert ("more" in drawn(80, optional)) is is_shown


def test_what_could_steer_a_terminal_is_spelled_out(drawn: Draw) -> None:
    hostile = Listing(COLUMNS, [Line(1, "a\x1b]0;owned\x07\n", "https://e.example/\x1b\\x")])
    assert ("\x1b]0;" in drawn(140, hostile), "a\\x1b]0;owned\\x07\\n" in drawn(140, hostile)) == (
        False,
        True,
    )


def lines() -> list[str]:
    return [*showing.lines(Listing(COLUMNS, ROWS))]


def test_in_a_pipe_a_row_is_a_line_with_whole_cells() -> None:
    assert lines()[:2] == ["number\tname\tsaid", f"1\tshort\t{URL}"]


def test_each_place_has_its_columns(drawn: Draw) -> None:
    both = Listing(
        [
            Column("age", lambda _: "3 min", place=ShownOn.TERMINAL),
            Column("saved", lambda _: "2026-01-31", place=ShownOn.PIPE),
        ],
        ROWS[:1],
    )
    assert [*showing.lines(both)] == ["saved", "2026-01-31"]
    assert [line.rstrip() for line in plain(drawn(80, both))] == ["age", "3 min"]


def test_a_note_goes_where_no_pipe_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    show(Listing(COLUMNS[:1], ROWS[:1]), Note("1 of 3"))
    assert capsys.readouterr() == ("number\n1\n", "1 of 3\n")


@pytest.mark.parametrize(
    ("text", "cut", "expected"),
    [
        ("0123456789", Cut.END, "012345…"),
        ("0123456789", Cut.MIDDLE, "01…6789"),
        ("0123456", Cut.END, "0123456"),
        ("\u5e73" * 9, Cut.END, "\u5e73\u5e73\u5e73…"),
    ],
)
def test_a_text_is_shortened_to_so_many_cells(text: str, cut: Cut, expected: str) -> None:
    assert shortened(text, 7, cut) == expected
