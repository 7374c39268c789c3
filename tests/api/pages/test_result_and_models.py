"""A result's page, the models' list, one model over time, and models side by side."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.api.pages.comparison import compared
from fairmind_sync.api.pages.sparkline import sparkline
from fairmind_sync.outbox.samples import Sample
from fairmind_sync.results.delivery import Run
from tests.support.clock import NOW
from tests.support.deliveries import delivered, save

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


def test_the_address_of_a_run_is_a_link(client: TestClient, engine: Engine) -> None:
    one = delivered(engine, Run("run-1", "https://mlflow.example/a_b/run-1"))
    page = client.get(f"/result?test_id={one.result.test_id}").text
    link = re.search(r'<p>It is at mlflow: <a href="([^"]*)"[^>]*>(.*?)</a></p>', page)
    assert link is not None
    assert link[1] == link[2].replace("<wbr>", "") == "https://mlflow.example/a_b/run-1"


def test_how_its_deliveries_stand_is_said_at_the_top(client: TestClient, engine: Engine) -> None:
    one = delivered(engine, Run("run-1", "https://mlflow.example/run-1"))
    top, _, _ = client.get(f"/result?test_id={one.result.test_id}").text.partition(
        '<div class="beside">'
    )
    said = re.search(r'<a href="#explanations">.*?</p>', top, re.DOTALL)
    assert said is not None
    assert re.sub(r"<[^>]*>|\s+", " ", said[0]).split() == ["Deliveries", "mlflow", "delivered"]


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
    judged: tuple[dict[str, int], ...] = ({"metrics_passed": 1}, {}, {"metrics_failed": 1})
    for number, verdict in enumerate(judged):
        results = {"overall_risk": "critical", **verdict}
        save(engine, model_id="m", test_id=f"t{number}", now=NOW + number * DAY, results=results)
    page = client.get("/models").text
    assert re.findall(r'<a href="/result[^"]*" class="(\w+)"', page) == ["good", "quiet", "bad"]
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


@pytest.fixture
def long_model(engine: Engine) -> None:
    """A model with 105 results, the last of which alone is of the type 'tried'."""
    for number in range(105):
        save(
            engine,
            model_id="m",
            test_id=f"t{number}",
            test_type="tried" if number == 104 else "nightly",
            now=NOW + number * DAY,
            results=JUDGED,
        )


def caption_of(page: str) -> str:
    return re.sub(r"<[^>]*>", "", page.partition("<figcaption>")[2].partition("</figcaption>")[0])


@pytest.mark.usefixtures("long_model")
def test_a_model_with_more_results_than_a_page_has_says_so(client: TestClient) -> None:
    page = client.get("/model?model_id=m&user=").text
    assert caption_of(page).startswith("newest 100 of 105 results by time;")
    (older,) = re.findall(r'href="([^"]*)">Older results', page)
    assert html.unescape(older) == "/model?model_id=m&page=2"


@pytest.mark.usefixtures("long_model")
def test_the_results_of_a_model_go_on_a_page_further(client: TestClient) -> None:
    page = client.get("/model?model_id=m&type=nightly&page=2").text
    assert caption_of(page).startswith("results 101 to 104 of 104 by time;")
    assert re.findall(r">(t<wbr>\d|t\d)<", page) == ["t3", "t2", "t1", "t0"]
    assert "Older results" not in page
    (newer,) = re.findall(r'href="([^"]*)">Newer results', page)
    assert html.unescape(newer) == "/model?model_id=m&type=nightly"


@pytest.mark.usefixtures("long_model")
def test_only_the_page_of_the_newest_results_has_the_models_verdict(client: TestClient) -> None:
    pages = [client.get(f"/model?model_id=m&page={number}").text for number in (1, 2)]
    assert ['<p class="verdict">' in page for page in pages] == [True, False]


@pytest.mark.usefixtures("long_model")
def test_a_page_beyond_the_last_result_is_no_unknown_model(client: TestClient) -> None:
    reply = client.get("/model?model_id=m&page=9")
    assert (reply.status_code, "Newer results" in reply.text) == (200, True)


def test_models_are_compared_number_by_number(client: TestClient, engine: Engine) -> None:
    save(engine, model_id="a", results={"accuracy": 0.5, "same": 1})
    save(engine, model_id="b", results={"accuracy": 0.75, "same": 1})
    page = client.get("/compare?model_id=a&model_id=b&model_id=nobody").text
    assert re.findall(r'class="differs"><th scope="row">(\w+)<', page) == ["accuracy"]
    assert re.findall(r"<title>(\w): ([\d.]+), ", page) == [("a", "0.5"), ("b", "0.75")]


def test_models_that_are_not_saved_here_are_told(client: TestClient) -> None:
    assert client.get("/compare?model_id=a&model_id=b").status_code == 404


@pytest.mark.parametrize("asked", ["", "?model_id=m1", "?model_id=m1&model_id=m1"])
def test_fewer_than_two_models_have_the_form_once_more(
    client: TestClient, engine: Engine, asked: str
) -> None:
    save(engine, model_id="m1")
    reply = client.get(f"/compare{asked}", headers={"Accept": "text/html"})
    assert (reply.status_code, "Choose two to six models" in reply.text) == (422, True)
    assert re.findall(r'value="(\w+)"( checked)?', reply.text) == [
        ("m1", " checked" if asked else "")
    ]


def test_more_than_six_models_are_not_compared(client: TestClient, engine: Engine) -> None:
    asked = "&".join(f"model_id=m{number}" for number in range(7))
    reply = client.get(f"/compare?{asked}", headers={"Accept": "text/html"})
    assert (reply.status_code, "Choose two to six models" in reply.text) == (422, True)


def test_a_comparison_draws_thresholds_and_says_yes_and_no(
    client: TestClient, engine: Engine
) -> None:
    passed = {"accuracy": 0.9, "parity": {"value": 0.05, "threshold": 0.1, "passed": True}}
    failed = {"accuracy": 0.9, "parity": {"value": 0.15, "threshold": 0.1, "passed": False}}
    for name, results in (("a", passed), ("b", failed)):
        save(engine, model_id=name, results=results)
    page = client.get("/compare?model_id=a&model_id=b").text
    row = re.search(r'<th scope="row">parity/<wbr>passed</th>(.*?)</tr>', page)
    assert row is not None
    assert re.findall(r">(\w+)</td>", row[1]) == ["yes", "no"]
    assert re.findall(r"<title>([^<]*: threshold [\d.]+)", page) == ["a, b: threshold 0.1"]


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/deliveries?since=yesterday", 422)]
)
def test_a_person_gets_a_page_where_a_program_gets_a_problem(
    client: TestClient, path: str, status: int
) -> None:
    for accepted, kind in (("text/html", "text/html"), ("*/*", "application/problem+json")):
        reply = client.get(path, headers={"Accept": accepted})
        assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (status, kind)


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
