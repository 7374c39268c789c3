"""A result's page, the models' list, one model over time, and models side by side."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.api.pages import trend_chart
from fairmind_sync.api.pages.comparison import compared
from fairmind_sync.api.pages.sparkline import sparkline
from fairmind_sync.outbox.result_lookup import TrendPoint
from fairmind_sync.outbox.samples import Sample
from tests.support.clock import NOW
from tests.support.deliveries import save

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
JUDGED: dict[str, Any] = {
    "overall_risk": "high",
    "metrics": {"parity_difference": {"value": 0.25, "threshold": 0.1, "passed": False}},
    "by_group": {
        "gender": {"female": {"selection_rate": 0.35}, "male": {"selection_rate": 0.6}},
    },
    "recommendations": ["Measure again."],
}


def titles(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", page)


def test_a_result_shows_verdict_metrics_groups_and_recommendations(
    client: TestClient, engine: Engine
) -> None:
    save(engine, "mlflow", test_id="t", results=JUDGED)
    page = client.get("/result?test_id=t").text
    assert '<span class="badge bad">failed</span>' in page
    assert '<span class="badge bad">high risk</span>' in page
    assert {"What failed", "Groups side by side", "Metrics", "Recommendations"} <= {*titles(page)}
    assert titles(page)[-2:] == ["As it was saved", "Deliveries"]


def test_the_newest_revision_is_compared_with_the_one_before(
    client: TestClient, engine: Engine
) -> None:
    save(engine, test_id="t", results={"accuracy": 0.5, "same": 1})
    save(engine, test_id="t", results={"accuracy": 0.75, "same": 1})
    _, _, page = client.get("/result?test_id=t").text.partition("What the newest revision changed")
    row = re.search(r'<tr><th scope="row">accuracy</th>(.*?)</tr>', page)
    assert row is not None
    assert re.findall(r">([\d.]+)<", row[1]) == ["0.5", "0.75", "0.25"]
    assert '<th scope="row">same</th>' not in page


def test_another_users_result_of_the_same_name_is_no_revision_to_compare(
    client: TestClient, engine: Engine
) -> None:
    save(engine, test_id="t", user_id="ann", results={"accuracy": 0.5})
    save(engine, test_id="t", user_id="bob", results={"accuracy": 0.75})
    assert "What the newest revision changed" not in client.get("/result?test_id=t").text


def test_a_chosen_revision_is_shown(client: TestClient, engine: Engine) -> None:
    save(engine, test_id="t", user_id="ann", results={"overall_risk": "low"})
    save(engine, test_id="t", user_id="ann", results={"overall_risk": "critical"})
    page = client.get("/result?test_id=t&user_id=ann&revision=1").text
    assert re.findall(r'<p class="verdict">.*?>([\w ]+ risk)<', page, re.DOTALL) == ["low risk"]


def test_the_whole_result_is_a_file(client: TestClient, engine: Engine) -> None:
    save(engine, test_id="t", results={"x": 1})
    reply = client.get("/result.json?test_id=t")
    assert (reply.json()["results"], reply.headers["content-type"]) == (
        {"x": 1},
        "application/json",
    )
    assert client.get("/result.json?test_id=other").status_code == 404


def test_a_list_of_models_shows_the_newest_verdict_and_the_history(
    client: TestClient, engine: Engine
) -> None:
    for number, risk in enumerate(("low", "medium", "critical")):
        results = {"overall_risk": risk}
        save(engine, model_id="m", test_id=f"t{number}", now=NOW + number * DAY, results=results)
    page = client.get("/models").text
    assert re.findall(r'<a href="/result[^"]*" class="(\w+)"', page) == ["good", "medium", "bad"]
    assert '<span class="badge bad">critical risk</span>' in page


def test_a_search_narrows_the_list_of_models(client: TestClient, engine: Engine) -> None:
    for name in ("chat", "credit"):
        save(engine, model_id=name)
    assert re.findall(r'href="/model\?model_id=(\w+)"', client.get("/models?q=CRED").text) == [
        "credit"
    ]


def test_more_models_are_a_page_further(client: TestClient, engine: Engine) -> None:
    for number in range(51):
        save(engine, model_id=f"m{number}", now=NOW + number * DAY)
    assert 'href="/models?page=2"' in client.get("/models").text
    assert re.findall(r'href="/model\?model_id=(\w+)"', client.get("/models?page=2").text) == ["m0"]


def test_models_are_compared_number_by_number(client: TestClient, engine: Engine) -> None:
    save(engine, model_id="a", results={"accuracy": 0.5, "same": 1})
    save(engine, model_id="b", results={"accuracy": 0.75, "same": 1})
    page = client.get("/compare?model_id=a&model_id=b&model_id=nobody").text
    assert re.findall(r'class="differs"><th scope="row">(\w+)<', page) == ["accuracy"]
    assert 'src="/compare/trend.svg?metric=accuracy&amp;model_id=a&amp;model_id=b"' in page
    svg = client.get("/compare/trend.svg?metric=accuracy&model_id=a&model_id=b").text
    assert re.findall(r">(a|b)</text>", svg) == ["a", "b"]


def test_models_that_are_not_saved_here_are_told(client: TestClient) -> None:
    assert client.get("/compare?model_id=a&model_id=b").status_code == 404


@pytest.mark.parametrize("asked", ["", "?model_id=a", "?model_id=a&model_id=a"])
def test_fewer_than_two_models_are_not_compared(client: TestClient, asked: str) -> None:
    reply = client.get(f"/compare{asked}", headers={"Accept": "text/html"})
    assert (reply.status_code, "Choose two models or more" in reply.text) == (422, True)


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/deliveries?since=yesterday", 422)]
)
def test_a_person_gets_a_page_where_a_program_gets_a_problem(
    client: TestClient, path: str, status: int
) -> None:
    for accepted, kind in (("text/html", "text/html"), ("*/*", "application/problem+json")):
        reply = client.get(path, headers={"Accept": accepted})
        assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (status, kind)


def point(at: datetime, **results: Any) -> TrendPoint:
    return TrendPoint("t", "", at, results)


def test_thresholds_and_flags_are_not_drawn_unless_asked_for() -> None:
    points = [TrendPoint("t", "", NOW, JUDGED)]
    shown, known = trend_chart.metrics_of(points)
    assert "metrics/parity_difference/value" in shown
    assert not any(name.endswith(("threshold", "passed")) for name in shown)
    assert trend_chart.metrics_of(points, "metrics/parity_difference/threshold")[0] == [
        "metrics/parity_difference/threshold"
    ]
    assert {*shown} <= {*known}


def test_judged_metrics_come_first() -> None:
    many = JUDGED | {f"a{number}": number / 10 for number in range(8)}
    shown, known = trend_chart.metrics_of([TrendPoint("t", "", NOW, many)])
    assert "metrics/parity_difference/value" in shown
    assert "metrics/parity_difference/threshold" not in known


def test_a_newer_result_without_the_metric_leaves_its_threshold() -> None:
    points = [TrendPoint("t", "", NOW, JUDGED), point(NOW + DAY, accuracy=0.5)]
    (line,) = trend_chart.lines_of(points, ["metrics/parity_difference/value"])
    assert line.threshold == 0.1


def test_a_line_has_its_threshold_and_gaps() -> None:
    points = [point(NOW, accuracy=0.5), TrendPoint("t", "", NOW + DAY, JUDGED)]
    parity, accuracy = trend_chart.lines_of(points, ["metrics/parity_difference/value", "accuracy"])
    assert (parity.threshold, accuracy.threshold) == (0.1, None)
    assert (parity.points[0][1], accuracy.points[1][1]) == (None, None)


@pytest.mark.parametrize(
    "span",
    [timedelta(0), 3 * MINUTE, 5 * timedelta(hours=1), DAY, 60 * DAY, 900 * DAY, 20_000 * DAY],
)
def test_times_on_the_axis_are_few_and_all_different(span: timedelta) -> None:
    ticks, written = trend_chart._ticks([NOW, NOW + span])
    labels = [f"{tick:{written}}" for tick in ticks]
    assert 1 <= len(labels) <= 7
    assert len({*labels}) == len(labels)
    assert all(NOW <= tick <= NOW + span for tick in ticks)


def test_results_of_one_day_stand_where_their_time_is() -> None:
    times = [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=10)]
    svg = trend_chart.trend_svg([trend_chart.Line("x", [(at, 0.5) for at in times])])
    x = sorted(float(one) for one in re.findall(r'<circle cx="([\d.]+)"', svg))
    assert (x[2] - x[0]) / (x[1] - x[0]) == pytest.approx(10, rel=0.01)


def test_numbers_are_compared_by_name() -> None:
    one, other = compared([{"a": 1.0, "b": 2}, {"a": 1.0, "c": 3}])[:2]
    assert (one.name, one.differs, other.values, other.change) == ("a", False, (2.0, None), None)


def sample(minutes: int, pending: int) -> Sample:
    return Sample(NOW - minutes * MINUTE, pending, 0, 0, 0.0)


def test_a_sparkline_has_a_gap_where_samples_are_missing() -> None:
    drawn = sparkline([sample(90, 1), sample(85, 2), sample(10, 3), sample(5, 4)], NOW)
    assert str(drawn).count("<polyline") == 2


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [sample(5, 1)],
        [sample(59, 1), sample(0, 2)],
        [sample(600, 0), sample(300, 0), sample(0, 0)],
    ],
    ids=["none", "one", "less than an hour", "nothing waited"],
)
def test_where_there_is_nothing_to_see_nothing_is_drawn(samples: list[Sample]) -> None:
    assert sparkline(samples, NOW) is None
