"""Whether a model does better or worse than before: the share that passed, then risk, then distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from fairmind_sync.operating.better_or_worse import Course, course_of
from fairmind_sync.outbox.model_lookup import ResultInShort
from fairmind_sync.results.verdict import Verdict
from tests.support.clock import NOW


def nothing_read(_: Sequence[int]) -> Mapping[int, dict[str, Any]]:
    return {}


def with_verdict(verdict: Verdict, test_type: str = "nightly") -> ResultInShort:
    return ResultInShort(1, "t", "", 1, "m", test_type, NOW, verdict)


def tens(*passed: int, test_type: str = "nightly") -> list[ResultInShort]:
    """Ten results for each number, which is how many of four metrics passed in each of them."""
    each = [with_verdict(Verdict(None, one, 4 - one), test_type) for one in passed]
    return [one for one in each for _ in range(10)]


@pytest.mark.parametrize(
    ("passed", "word", "shares"),
    [
        ((4, 2, 1), "worse", (25, 50)),
        ((0, 1, 3), "better", (75, 25)),
        ((2, 4, 4), "about the same", (100, 100)),
    ],
)
def test_a_models_newest_ten_results_are_compared_with_the_ten_before(
    passed: tuple[int, ...], word: str, shares: tuple[int, int]
) -> None:
    course = course_of(tens(*passed), nothing_read)
    assert course is not None
    assert (course.word, (course.now, course.before)) == (word, shares)


@pytest.mark.parametrize(
    ("now", "word"),
    [(40, "worse"), (41, "about the same"), (59, "about the same"), (60, "better")],
)
def test_a_difference_of_ten_points_is_worse_or_better(now: int, word: str) -> None:
    assert Course("nightly", now, before=50).word == word


def test_of_fewer_than_twenty_verdicts_nothing_is_said() -> None:
    without = [with_verdict(Verdict("high", 0, 0))] * 9
    assert course_of([*without, *tens(4, 2)[1:]], nothing_read) is None


def test_what_is_tried_out_beside_a_test_changes_nothing() -> None:
    assert course_of([*tens(4, 2), *tens(4, test_type="tried")], nothing_read) == Course(
        "nightly", 50, 100
    )


def test_a_verdict_without_metrics_counts_as_one_metric() -> None:
    stated = [Verdict(None, 0, 0, is_stated_passed=number < 15) for number in range(20)]
    assert course_of([*map(with_verdict, stated)], nothing_read) == Course("nightly", 50, 100)


def failing(*risks: str | None) -> list[ResultInShort]:
    """Ten failed results for each risk; their ids count from 0."""
    each = [Verdict(risk, 0, 1) for risk in risks for _ in range(10)]
    return [
        ResultInShort(id_, "t", "", 1, "m", "nightly", NOW, one) for id_, one in enumerate(each)
    ]


def course_over(results: Sequence[ResultInShort], *values: float, **stated: Any) -> Course:
    """The course where each ten results state one of the values, with a threshold."""
    name = stated.pop("name", "demographic_parity_difference")
    course = course_of(
        results,
        lambda ids: {
            id_: {"metrics": {name: {"value": values[id_ // 10], **stated}}} for id_ in ids
        },
    )
    assert course is not None
    return course


def test_a_model_that_fails_all_the_time_is_never_about_the_same() -> None:
    course = course_of(failing("high", "high"), nothing_read)
    assert course is not None
    assert (course.word, course.tone) == ("still failing", "worse")


@pytest.mark.parametrize(
    ("risks", "word"),
    [
        (("high", "critical"), "still failing, and worse"),
        (("critical", "high"), "still failing, but better"),
        ((None, "critical"), "still failing"),
        (("odd", "critical"), "still failing"),
    ],
)
def test_where_the_shares_tie_the_risk_decides(risks: tuple[str | None, ...], word: str) -> None:
    course = course_of(failing(*risks), nothing_read)
    assert course is not None
    assert course.word == word


def test_the_risk_in_the_middle_counts() -> None:
    outliers = [Verdict(risk, 1, 0) for risk in ("low",) * 16 + ("critical",) * 4]
    course = course_of([*map(with_verdict, outliers)], nothing_read)
    assert course is not None
    assert (course.word, course.risk_now) == ("about the same", "low")


def test_a_clear_difference_of_shares_counts_more_than_the_risk() -> None:
    assert Course("", 70, 50, risk_now="critical", risk_before="low").word == "better"


def test_where_the_risks_tie_the_distance_beyond_the_threshold_decides() -> None:
    course = course_over(failing("high", "high"), 0.244, 0.267, threshold=0.2, passed=False)
    assert course.word == "still failing, and worse"
    assert course.reasons[1:] == ["demographic_parity_difference 0.244 -> 0.267"]


@pytest.mark.parametrize(
    ("name", "before", "now", "threshold", "direction"),
    [
        ("parity_gap", -0.3, -0.4, 0.2, -1),
        ("false_positive_rate", 0.4, 0.3, 0.2, 1),
        ("accuracy", 0.7, 0.6, 0.8, -1),
        ("accuracy", 0.7, 0.71, 0.8, 0),
        ("accuracy", 0.9, 0.82, 0.8, 0),
        ("odd_score", 0.7, 0.9, 0.0, 0),
    ],
)
def test_how_far_beyond_goes_by_the_metrics_direction(
    name: str, before: float, now: float, threshold: float, direction: int
) -> None:
    course = course_over(failing(None, None), before, now, threshold=threshold, name=name)
    assert course.direction == direction


def test_what_failed_is_beyond_its_threshold_whatever_its_name_says() -> None:
    course = course_over(
        failing(None, None), 0.3, 0.5, threshold=0.2, passed=False, name="odd_score"
    )
    assert course.word == "still failing, and worse"


def test_what_passed_is_not_beyond_its_threshold() -> None:
    course = course_over(failing(None, None), 0.3, 0.5, threshold=0.2, passed=True)
    assert course.word == "still failing"


def test_contents_are_not_read_where_the_share_decides() -> None:
    def never(ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        raise AssertionError(ids)

    assert course_of(tens(3, 1), never) is not None


def test_of_two_metrics_the_one_that_moved_most_decides() -> None:
    def both(ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        judged = {"threshold": 0.2, "passed": False}
        return {
            id_: {
                "metrics": {
                    "parity_gap": {"value": (0.3, 0.32)[id_ // 10], **judged},
                    "odds_gap": {"value": (0.5, 0.3)[id_ // 10], **judged},
                }
            }
            for id_ in ids
        }

    course = course_of(failing("high", "high"), both)
    assert course is not None
    assert (course.word, course.metric.name) == ("still failing, but better", "odds_gap")
