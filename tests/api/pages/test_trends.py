"""Metrics over time: which are shown, and how they are drawn."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from fairmind_sync.api.pages import trend_chart, trend_lines
from fairmind_sync.api.pages.better_or_worse import Course, course_of
from fairmind_sync.api.pages.trend_lines import Dot, Line
from fairmind_sync.outbox.model_lookup import ResultInShort
from fairmind_sync.outbox.result_lookup import TrendPoint
from fairmind_sync.results.verdict import Verdict
from tests.api.pages.test_result_and_models import JUDGED
from tests.support.clock import NOW
from tests.support.deliveries import save

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def point(at: datetime, **results: Any) -> TrendPoint:
    return TrendPoint("t", "", at, results)


def test_thresholds_and_flags_are_not_drawn_unless_asked_for() -> None:
    points = [TrendPoint("t", "", NOW, JUDGED)]
    shown, known = trend_lines.metrics_of(points)
    assert "metrics/parity_difference/value" in shown
    assert not any(name.endswith(("threshold", "passed")) for name in shown)
    assert trend_lines.metrics_of(points, ["metrics/parity_difference/threshold"])[0] == [
        "metrics/parity_difference/threshold"
    ]
    assert {*shown} <= {*known}


def test_judged_metrics_come_first() -> None:
    many = JUDGED | {f"a{number}": number / 10 for number in range(8)}
    shown, known = trend_lines.metrics_of([TrendPoint("t", "", NOW, many)])
    assert "metrics/parity_difference/value" in shown
    assert "metrics/parity_difference/threshold" not in known


def test_a_newer_result_without_the_metric_leaves_its_threshold() -> None:
    points = [TrendPoint("t", "", NOW, JUDGED), point(NOW + DAY, accuracy=0.5)]
    (line,) = trend_lines.lines_of(points, ["metrics/parity_difference/value"])
    assert line.threshold == 0.1


def test_a_line_has_its_threshold_and_gaps() -> None:
    points = [point(NOW, accuracy=0.5), TrendPoint("t", "", NOW + DAY, JUDGED)]
    parity, accuracy = trend_lines.lines_of(points, ["metrics/parity_difference/value", "accuracy"])
    assert (parity.threshold, accuracy.threshold) == (0.1, None)
    assert (parity.points[0][1], accuracy.points[1][1]) == (None, None)


@pytest.mark.parametrize(
    "span",
    [timedelta(0), 3 * MINUTE, 5 * timedelta(hours=1), DAY, 60 * DAY, 900 * DAY, 20_000 * DAY],
)
def test_times_on_the_axis_are_few_and_all_different(span: timedelta) -> None:
    ticks = trend_chart.time_ticks(NOW, NOW + span)
    assert 1 <= len(ticks) <= 7
    assert len({names for _, names in ticks}) == len(ticks)
    assert all(NOW <= tick <= NOW + span for tick, _ in ticks)


def test_results_of_one_day_stand_where_their_time_is() -> None:
    times = [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=10)]
    svg = trend_chart.trend_svg([Line("x", [Dot(at, 0.5) for at in times])])
    x = sorted(float(one) for one in re.findall(r' cx="([\d.]+)%"', str(svg)))
    assert (x[2] - x[0]) / (x[1] - x[0]) == pytest.approx(10, rel=0.01)


@given(st.lists(st.floats(-1e100, 1e100).map(lambda one: float(f"{one:.9g}")), max_size=9))
def test_the_axis_of_values_encloses_them_with_few_ticks(values: list[float]) -> None:
    ticks = trend_chart.value_ticks(values)
    off = (ticks[1] - ticks[0]) / 1e6
    assert 2 <= len(ticks) <= 9
    assert len({f"{tick:.10g}" for tick in ticks}) == len(ticks)
    assert all(ticks[0] - off <= value <= ticks[-1] + off for value in values)


def test_a_gap_has_no_line_and_a_lonely_value_its_dot() -> None:
    days = [Dot(NOW + place * DAY, value) for place, value in enumerate((0.1, 0.2, None, 0.4))]
    svg = str(trend_chart.trend_svg([Line("x", days)]))
    assert (svg.count('class="part'), svg.count("<circle")) == (1, 3)


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
        ((4, 2, 2), "about the same", (50, 50)),
    ],
)
def test_a_models_newest_ten_results_are_compared_with_the_ten_before(
    passed: tuple[int, ...], word: str, shares: tuple[int, int]
) -> None:
    course = course_of(tens(*passed))
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
    assert course_of([*without, *tens(4, 2)[1:]]) is None


def test_what_is_tried_out_beside_a_test_changes_nothing() -> None:
    assert course_of([*tens(4, 2), *tens(4, test_type="tried")]) == Course("nightly", 50, 100)


def test_a_verdict_without_metrics_counts_as_one_metric() -> None:
    stated = [Verdict(None, 0, 0, is_stated_passed=number < 15) for number in range(20)]
    assert course_of([*map(with_verdict, stated)]) == Course("nightly", 50, 100)


def test_the_list_of_models_says_whether_a_model_does_worse(
    client: TestClient, engine: Engine
) -> None:
    for number in range(20):
        metric = {"value": 0.2, "threshold": 0.1, "passed": number < 12}
        results = {"metrics": {"parity": metric}}
        save(
            engine,
            model_id="m",
            test_type="model_bias",
            test_id=f"t{number}",
            now=NOW + number * DAY,
            results=results,
        )
    page = re.sub(r"<[^>]*>", "", client.get("/models").text)
    assert (
        "worse model_bias: 20\N{NO-BREAK SPACE}% of metrics passed, before 100\N{NO-BREAK SPACE}%"
        in page
    )
