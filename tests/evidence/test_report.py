"""The report: what it says of a result, and that whatever a result holds can't change the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given

from fairmind_sync.evidence.charts import MOST_BARS
from fairmind_sync.evidence.files import report_of
from fairmind_sync.evidence.html_tables import MOST_ROWS
from fairmind_sync.evidence.report import MOST_CHARTS, MOST_SENTENCES
from fairmind_sync.results.plain_json import Json
from tests.results.examples import NAMES, example
from tests.support.values import any_text, for_all, objects, saved_result

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{}{0}%s\x1b[2J"
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "figure"),
    *(
        "figcaption",
        "svg",
        "rect",
        "line",
        "text",
        "h1",
        "h2",
        "p",
        "strong",
        "span",
        "ul",
        "li",
        "div",
    ),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
RATES: dict[str, Json] = {"selection_rate": {"female": 0.3, "male": 0.5, "other": 0.45}}


class Page(HTMLParser):
    """The page's text, tags and attributes; what each heading's section says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.sections: dict[str, str] = {}
        self.text = ""
        self._heading: str | None = None
        self._is_heading = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self._is_heading = tag == "h2"

    def handle_endtag(self, tag: str) -> None:
        if tag == "h2":
            self._is_heading = False

    def handle_data(self, data: str) -> None:
        if self._is_heading:
            self._heading = data
            self.sections[data] = ""
        elif self._heading:
            self.sections[self._heading] += data
        self.text += data


def page(results: dict[str, Json], **changes: Any) -> Page:
    return Page(report_of(saved_result(results=results, **changes)))


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (
            {"metrics_failed": 1, "metrics_passed": 3, "risk_level": "high"},
            "Failed risk: high 3 passed, 1 failed",
        ),
        ({"metrics_passed": 3}, "Passed 3 passed, 0 failed"),
        ({"overall_bias_detected": False}, "Passed no bias detected"),
        ({"accuracy": 0.9}, "No verdict stated"),
    ],
)
def test_the_verdict_comes_first(results: dict[str, Json], words: str) -> None:
    header = page(results).text.partition("What")[0].partition("Provenance")[0]
    assert words in " ".join(header.split())


def test_it_says_what_failed_and_by_how_much() -> None:
    results: dict[str, Json] = {"parity": {"score": 0.56, "threshold": 0.8, "passed": False}}
    assert "parity: 0.56, 0.24 below the threshold 0.8" in page(results).sections["What failed"]


def test_what_failed_at_its_very_threshold_is_said_to() -> None:
    results: dict[str, Json] = {"parity": {"score": 0.8, "threshold": 0.8, "passed": False}}
    assert "parity: 0.8, at the threshold" in page(results).sections["What failed"]


def test_what_passed_is_not_said_to_have_failed() -> None:
    results: dict[str, Json] = {"parity": {"score": 0.9, "threshold": 0.8, "passed": True}}
    assert "What failed" not in page(results).sections


def test_groups_below_four_fifths_are_named() -> None:
    said = page(RATES).sections["Less than four fifths"]
    assert "selection rate of female: 60\N{NO-BREAK SPACE}% of male" in said
    assert "other" not in said


@pytest.mark.parametrize(
    "metric", ["false_positive_rate", "error_rate", "demographic_parity_difference"]
)
def test_the_four_fifths_rule_is_not_of_rates_of_which_less_is_better(metric: str) -> None:
    results: dict[str, Json] = {
        "by_group": {"a": {metric: 0.1, "tpr": 0.7}, "b": {metric: 0.5, "tpr": 0.7}}
    }
    assert "Less than four fifths" not in page(results).sections


def test_groups_stand_side_by_side() -> None:
    found = page(RATES)
    assert (found.tags.count("svg"), found.tags.count("rect")) == (1, 4)  # three bars and the band
    assert "Selection rate" in found.sections["Groups side by side"]


def test_an_interval_is_drawn() -> None:
    groups: Json = {"a": {"tpr": 0.5, "tpr_ci": [0.4, 0.6]}, "b": {"tpr": 0.7}}
    assert 'class="interval"' in report_of(saved_result(results={"by_group": groups}))


def test_a_threshold_of_the_value_itself_is_drawn() -> None:
    entries: Json = [
        {"group": "a", "metric": "tpr", "value": 0.5, "threshold": 0.6},
        {"group": "b", "metric": "tpr", "value": 0.7, "threshold": 0.6},
    ]
    assert report_of(saved_result(results={"tests": entries})).count('class="threshold"') == 2


def test_a_threshold_that_may_be_a_ratios_is_not_drawn() -> None:
    assert 'class="threshold"' not in report_of(saved_result(results={"threshold": 0.8, **RATES}))


def test_recommendations_and_what_the_test_says_are_there_once() -> None:
    results: dict[str, Json] = {
        "summary": "All well.",
        "recommendations": ["Do a.", "Do b."],
        "parity": {"score": 1, "interpretation": "Fine.", "recommendations": ["Do a."]},
    }
    found = page(results).sections
    assert [*filter(None, found["Recommendations"].splitlines())] == ["Do a.", "Do b."]
    assert ("All well." in found["What the test says"], "Fine." in found["What the test says"]) == (
        True,
        True,
    )


def test_it_says_where_the_result_comes_from() -> None:
    found = page({}, metadata={"model_version": "3", "dataset_digest": "abc"}).sections[
        "Provenance"
    ]
    for word in ("test-1", "user-1", "model-1", "dataset-1", "2026-01-02T03:04:05", "3", "abc"):
        assert word in found


def test_it_says_what_audits_ask_for() -> None:
    metadata: dict[str, Json] = {
        "evaluator": "the fairness team",
        "data_window": "2025-01-01 to 2025-12-31",
        "expires_at": "2026-12-31",
        "control_mapping": ["EU AI Act 10(2)(f)"],
        "audit": {"distribution_date": "2026-02-01", "unknown_count": 250},
    }
    found = page({}, metadata=metadata).sections["For the audit"]
    for word in ("the fairness team", "2025-12-31", "2026-12-31", "10(2)(f)", "2026-02-01", "250"):
        assert word in found


def test_a_threshold_beside_its_metric_is_no_news_for_an_audit() -> None:
    own: Json = {"parity": {"value": 0.2, "threshold": 0.1}}
    assert "For the audit" not in page({"metrics": own}).sections
    found = page({"metrics": own, "policy": {"threshold": 0.3}}).sections["For the audit"]
    assert [*filter(None, found.splitlines())] == ["policy / threshold0.3"]


def test_it_needs_nothing_from_elsewhere() -> None:
    for name in NAMES:
        html = report_of(saved_result(results=example(name)))
        assert re.search(r"https?://|\bsrc=|\bhref=|@import|url\(", html) is None
        assert {*Page(html).tags} <= ALLOWED


def test_it_is_dark_where_it_is_dark_and_fits_on_paper() -> None:
    html = report_of(saved_result())
    for rule in ("prefers-color-scheme: dark", "@media print", "size: A4"):
        assert rule in html


@pytest.mark.parametrize(
    "place", ["results", "metadata", "model_id", "test_id", "user_id", "test_type"]
)
def test_a_hostile_text_stays_a_text(place: str) -> None:
    text: Json = HOSTILE
    whole: dict[str, Json] = {
        HOSTILE: 0.5,
        "summary": text,
        "recommendations": [text],
        "overall_risk": text,
        "by_group": {HOSTILE: {"tpr": 0.5}, "b": {"tpr": 0.9, HOSTILE: 0.1}},
        "tests": [{"name": HOSTILE, "value": 0.5, "passed": False}],
        "evaluator": text,
    }
    html = report_of(
        saved_result(**{place: whole if place in ("results", "metadata") else HOSTILE})
    )
    found = Page(html)
    assert {*found.tags} <= ALLOWED
    assert not any(name.startswith("on") for name in found.attributes)
    assert "\x1b" not in html
    assert "<script>alert(1)</script>" in found.text


@given(objects, any_text)
@for_all
def test_anything_has_a_report(results: dict[str, Json], name: str) -> None:
    found = page(results, metadata=results, model_id=name)
    assert {*found.tags} <= ALLOWED
    assert "Provenance" in found.sections


def test_what_is_too_much_for_a_page_is_counted() -> None:
    many: dict[str, Json] = {
        f"m{n}_rate": {f"g{g}": 0.5 for g in range(MOST_BARS + 1)} for n in range(MOST_CHARTS + 1)
    }
    recommendations: Json = [f"Do {number}." for number in range(MOST_SENTENCES + 1)]
    found = page({**many, "recommendations": recommendations})
    rows = (MOST_BARS + 1) * (MOST_CHARTS + 1)
    assert found.tags.count("svg") == MOST_CHARTS
    assert "1 metrics more are in the table" in found.text
    assert f"{rows - MOST_ROWS} rows more are in groups.csv" in found.text
    assert "1 more are in result.json" in found.text
