"""The reference page shows the matrix that the tests run."""

from __future__ import annotations

from pathlib import Path

from tests.system.mistakes.mistake import UNDECIDED, Mistake
from tests.system.mistakes.worlds import MISTAKES

PAGE = Path(__file__).parents[3] / "daemon/docs/reference/mistakes.md"
HEAD = "| provider | situation | state | the sentence says | attempts | after the fix |\n"


def table() -> str:
    rule = "| --- | --- | --- | --- | --- | --- |\n"
    return HEAD + rule + "\n".join(map(_row, MISTAKES)) + "\n"


def _row(mistake: Mistake) -> str:
    state = "none: it waits undecided" if mistake.state == UNDECIDED else mistake.state
    words = mistake.words.replace("|", "\\|")
    return f"| {mistake.provider} | {mistake.situation} | {state} | `{words}` | 0 | delivered |"


def test_the_page_has_each_row_of_the_matrix() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_no_situation_stands_twice() -> None:
    named = [str(mistake) for mistake in MISTAKES]
    assert len(named) == len(set(named)) >= 60
