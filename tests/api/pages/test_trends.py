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
from fairmind_sync.api.pages.trend_lines import Dot, Line
from fairmind_sync.outbox.result_lookup import TrendPoint
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


def drawable(value: float) -> float:
    """The value as a chart gets it: what is nearer to 0 than 1e-100 is not drawn."""
    return float(f"{value:.9g}") if abs(value) >= 1e-100 else 0.0


@given(st.lists(st.floats(-1e100, 1e100).map(drawable), max_size=9))
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


def test_the_list_of_models_says_that_a_model_fails_still_and_what_moved(
    client: TestClient, engine: Engine
) -> None:
    for number in range(20):
        metric = {"value": 0.24 + 0.02 * (number >= 10), "threshold": 0.2, "passed": False}
        results = {"metrics": {"parity_gap": metric}}
        save(engine, model_id="m", test_id=f"t{number}", now=NOW + number * DAY, results=results)
    page = re.sub(r"<[^>]*>", "", client.get("/models").text)
    assert "still failing, and worse" in page
    assert "parity_gap 0.24 -&gt; 0.26" in page


@pytest.mark.parametrize(
    ("results", "bar"),
    [
        ({"risk_level": "critical"}, "quiet"),
        ({"risk_level": "low"}, "quiet"),
        ({"risk_level": "medium"}, "quiet"),
        ({"metrics_passed": 1, "risk_level": "critical"}, "good"),
        ({"metrics_failed": 1, "risk_level": "low"}, "bad"),
    ],
)
def test_a_bar_of_the_history_tells_the_verdict_and_not_the_risk(
    client: TestClient, engine: Engine, results: dict[str, Any], bar: str
) -> None:
    save(engine, model_id="m", results=results)
    history = client.get("/models").text.partition('<span class="history">')[2]
    assert re.findall(r'class="(\w+)" title=', history) == [bar]
