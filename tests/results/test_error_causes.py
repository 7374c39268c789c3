"""What two errors have in common that differ in numbers, ids or quoted values."""

from __future__ import annotations

import pytest

from fairmind_sync.results.error_causes import LONGEST_CAUSE, cause_in, causes_meant


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("a parameter of 7000 characters", "a parameter of … characters"),
        ("it can't take 'a b', and doesn't", "it can't take …, and doesn't"),
        ('a "b c" and \u201cd\u201d and \u2018e\u2019', "a … and … and …"),
        ("run 3f2c-aa01.b7 at 127.0.0.1:5000", "run … at …"),
        ("metrics[3].value is no number", "metrics[…].value is no number"),
        ("it refused\nsee its log of 3", "it refused"),
        ("404", "…"),
        ("", "…"),
        (None, "…"),
        ("x " * 300, "x " * (LONGEST_CAUSE // 2)),
    ],
)
def test_a_cause_is_the_first_line_without_what_varies(error: str | None, cause: str) -> None:
    assert cause_in(error) == cause


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ("the run 'a' is gone", "the run … is gone"),
        ("the run ... is gone", "the run … is gone"),
        ("the run … is gone", "the run … is gone"),
        ("loading... failed", "loading... failed"),
        ("", ""),
    ],
)
def test_a_cause_is_meant_by_its_errors_and_with_three_dots(given: str, cause: str) -> None:
    assert cause in causes_meant(given)


def test_no_words_mean_no_error_that_says_nothing() -> None:
    assert causes_meant("") == {""}
