"""What a result says of itself: its risk, whether bias was detected, and how many of its metrics passed."""

from __future__ import annotations

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.verdict import Verdict, verdict_of
from tests.results.examples import example

LARGEST = 2**31 - 1


def test_a_verdict_is_what_the_result_says() -> None:
    results: dict[str, Json] = {"overall_risk": "high", "metrics_passed": 3, "metrics_failed": 1}
    assert verdict_of(results) == Verdict("high", 3, 1)


def test_a_result_that_says_nothing_has_no_risk_and_counts_nothing() -> None:
    assert verdict_of({}) == Verdict(None, 0, 0)


@pytest.mark.parametrize("risk", [None, 1, True, ["high"], {"level": "high"}])
def test_a_risk_that_is_no_text_is_none(risk: Json) -> None:
    assert verdict_of({"overall_risk": risk}).overall_risk is None


@pytest.mark.parametrize("refused", ["\ud800", "\0"])
def test_a_risk_that_no_database_takes_is_made_fit(refused: str) -> None:
    assert verdict_of({"overall_risk": f"h{refused}gh é"}).overall_risk == "h\ufffdgh é"


@pytest.mark.parametrize("name", ["metrics_passed", "metrics_failed"])
@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0),
        (1, 1),
        (LARGEST, LARGEST),
        (LARGEST + 1, 0),
        (-1, 0),
        (True, 0),
        (2.0, 0),
        ("3", 0),
        (None, 0),
    ],
)
def test_a_count_is_a_whole_number_that_the_database_holds(
    name: str, value: Json, count: int
) -> None:
    assert getattr(verdict_of({name: value}), name) == count


@pytest.mark.parametrize(
    "results",
    [
        {"risk_level": "high"},
        {"overall_risk": "HIGH"},
        {"severity": "high", "affected_groups": []},
        {"overall_assessment": {"risk_level": "high"}},
        {"risk_assessment": {"risk_level": "high", "bias_severity": 0.4}},
        {"bias_summary": {"overall_bias_level": "High"}},
        {"results": {"overall_risk": "high"}},
        {"data": {"overall_risk": "high"}},
        {"results": [{"severity": "low"}, {"severity": "high"}, {"severity": None}]},
        {"gender": {"severity": "high"}, "race": {"severity": "low"}},
        {"bias_detection": {"bias_severity": {"sex": "high", "age": "low"}}},
        {"overall_risk": None, "risk_level": "high"},
    ],
    ids=str,
)
def test_a_risk_is_found_where_fairmind_states_it(results: dict[str, Json]) -> None:
    assert verdict_of(results).overall_risk == "high"


@pytest.mark.parametrize(
    ("results", "risk"),
    [
        ({"overall_risk": "Somewhat risky"}, "Somewhat risky"),
        ({"overall_risk": "Somewhat risky", "sex": {"severity": "high"}}, "Somewhat risky"),
        ({"overall_risk": "Somewhat risky", "risk_level": "low"}, "low"),
        ({"risk_level": "Somewhat risky", "sex": {"severity": "high"}}, "high"),
        ({"risk_level": "Somewhat risky", "severity": "Bad"}, "Somewhat risky"),
        ({"overall_risk": ""}, ""),
        ({"results": [{"severity": "Bad"}, 5]}, None),
        ({"bias_detection": {"bias_severity": ["high"]}}, None),
        ({"bias_detection": "high"}, None),
        ({"sex": {"risk_level": "high"}}, None),
    ],
    ids=str,
)
def test_a_known_level_counts_more_than_words_of_its_own(
    results: dict[str, Json], risk: str | None
) -> None:
    assert verdict_of(results).overall_risk == risk


@pytest.mark.parametrize(
    ("results", "detected"),
    [
        ({"overall_bias_detected": True}, True),
        ({"bias_detected": False}, False),
        ({"overall_fair": True}, False),
        ({"bias_summary": {"overall_bias_detected": True}}, True),
        ({"results": {"bias_detected": True}}, True),
        ({"bias_detected": "yes"}, None),
        ({}, None),
    ],
)
def test_whether_bias_was_detected(results: dict[str, Json], detected: bool | None) -> None:
    assert verdict_of(results).bias_detected is detected


@pytest.mark.parametrize(
    ("results", "passed"),
    [
        ({"passed": True}, True),
        ({"compliant": False}, False),
        ({"pass": "yes", "compliant": True}, True),
        ({"status": "Passed"}, True),
        ({"verdict": "unfair"}, False),
        ({"outcome": "open", "status": "ok"}, None),
        ({"status": "ok", "outcome": "failed"}, False),
        ({"status": 1}, None),
        ({"data": {"passed": False}}, False),
        ({"passed": True, "data": {"passed": False}}, True),
        ({}, None),
    ],
    ids=str,
)
def test_whether_the_whole_test_is_said_to_have_passed(
    results: dict[str, Json], passed: bool | None
) -> None:
    assert verdict_of(results).is_stated_passed is passed


def test_counts_of_an_envelope_are_the_results() -> None:
    found = verdict_of({"data": {"metrics_passed": 3, "metrics_failed": 2}})
    assert (found.metrics_passed, found.metrics_failed) == (3, 2)


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        (Verdict(None, 3, 0), "passed"),
        (Verdict(None, 0, 1), "failed"),
        (Verdict("low", 0, 0), None),
    ],
)
def test_a_verdict_is_one_word(verdict: Verdict, word: str | None) -> None:
    assert verdict.word == word


def test_metrics_that_are_judged_are_counted_where_no_count_is_stated() -> None:
    metrics: Json = {
        "parity": {"value": 0.2, "is_fair": False},
        "odds": {"value": 0.01, "is_fair": True},
        "impact": {"score": 0.7, "passed": False, "group_scores": {"a": 0.5, "b": 0.7}},
    }
    found = verdict_of({"metrics": metrics})
    assert (found.metrics_passed, found.metrics_failed) == (1, 2)


def test_counts_that_are_stated_are_not_counted_again() -> None:
    results: dict[str, Json] = {"metrics_passed": 0, "parity": {"value": 0.2, "is_fair": False}}
    assert verdict_of(results).metrics_failed == 0


def test_groups_that_are_judged_beside_metrics_are_not_counted() -> None:
    groups: Json = {"a": {"tpr": 0.5, "passed": True}, "b": {"tpr": 0.3, "passed": True}}
    found = verdict_of({"by_group": groups, "parity": {"value": 0.2, "is_fair": False}})
    assert (found.metrics_passed, found.metrics_failed) == (0, 1)


def test_where_only_groups_are_judged_they_are_counted() -> None:
    groups: Json = {"a": {"tpr": 0.5, "passed": True}, "b": {"tpr": 0.3, "passed": False}}
    found = verdict_of({"by_group": groups})
    assert (found.metrics_passed, found.metrics_failed) == (1, 1)


@pytest.mark.parametrize(
    ("verdict", "has_passed"),
    [
        (Verdict(None, 0, 0), None),
        (Verdict("high", 0, 0), None),
        (Verdict(None, 3, 0), True),
        (Verdict(None, 3, 1), False),
        (Verdict(None, 3, 0, bias_detected=True), False),
        (Verdict(None, 0, 0, bias_detected=False), True),
        (Verdict(None, 0, 1, bias_detected=False), False),
        (Verdict(None, 3, 0, is_stated_passed=False), False),
        (Verdict(None, 0, 0, is_stated_passed=True), True),
        (Verdict(None, 0, 0, bias_detected=True, is_stated_passed=True), False),
    ],
)
def test_a_test_has_passed_where_nothing_failed(verdict: Verdict, has_passed: bool | None) -> None:
    assert verdict.has_passed is has_passed


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("ml_bias_1", Verdict("critical", 1, 3)),
        ("llm_bias_1", Verdict("medium", 1, 1)),
        ("india_bias_1", Verdict("critical", 0, 0, bias_detected=True)),
        ("multimodal_1", Verdict("low", 1, 3)),
        ("advanced_causal_1", Verdict("low", 0, 0)),
        ("fairness_governance_1", Verdict(None, 2, 1, bias_detected=True)),
    ],
)
def test_the_verdict_of_fairminds_results(name: str, verdict: Verdict) -> None:
    assert verdict_of(example(name)) == verdict
