"""What an expert would call wrong: which groups are compared, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from fairmind_sync.evidence.files import report_of
from fairmind_sync.evidence.group_table import table_of
from fairmind_sync.results.recognition.rows import Row
from fairmind_sync.results.verdict import verdict_of
from tests.results.examples import example
from tests.support.values import saved_result


def report(results: dict[str, Any], **metadata: Any) -> str:
    return report_of(saved_result(results=results, metadata=metadata))


def rows(results: dict[str, Any], **metadata: Any) -> dict[str | None, Row]:
    """By group."""
    found = table_of(saved_result(results=results, metadata=metadata)).rows
    return {row.group: row for row in found}


def below(results: dict[str, Any], **metadata: Any) -> list[str | None]:
    """The groups that are below four fifths, by the report's own list."""
    page = report(results, **metadata)
    part = page.partition("<h2>Less than four fifths</h2>")[2].partition("</section>")[0]
    return [group for group in rows(results, **metadata) if f" of {group}: " in part]


@pytest.mark.parametrize(
    "stated",
    [{"passed": False}, {"status": "failed"}, {"compliant": False}, {"verdict": "biased"}],
    ids=str,
)
def test_a_stated_fail_is_a_fail_whatever_passed(stated: dict[str, Any]) -> None:
    metrics: list[Any] = [{"metric": "dpd", "value": 0.02, "threshold": 0.1, "passed": True}]
    assert verdict_of({**stated, "metrics": metrics}).has_passed is False


def test_a_stated_pass_is_a_pass() -> None:
    assert verdict_of({"passed": True}).has_passed is True


def test_a_servers_ok_is_no_verdict() -> None:
    assert verdict_of({"status": "ok", "accuracy": 0.9}).has_passed is None


@pytest.mark.parametrize(
    "metric",
    [
        *("positive_rate", "non_selection_rate", "attack_success_rate", "accuracy", "auc", "tpr"),
        *("false_positive_rate", "rejection_rate", "unsuccess_rate"),
    ],
)
def test_the_four_fifths_rule_is_for_selection_rates_alone(metric: str) -> None:
    assert below({metric: {"black": 0.2, "white": 0.5}}) == []


@pytest.mark.parametrize("metric", ["selection_rate", "approval_rate", "demographic_parity"])
def test_a_group_that_is_selected_less_is_named(metric: str) -> None:
    assert below({metric: {"black": 0.2, "white": 0.5}}) == ["black"]


def test_a_named_reference_hides_no_impact() -> None:
    results = {"reference_group": "black", "selection_rate": {"black": 0.1, "white": 0.5}}
    found = rows(results)
    assert (found["white"].reference, below(results)) == ("black", ["black"])


def test_exactly_four_fifths_is_enough() -> None:
    assert below({"selection_rate": {"black": 0.72, "white": 0.9}}) == []


def test_an_impact_ratio_is_the_ratio() -> None:
    results = {"impact_ratio": {"black": 0.6, "hispanic": 0.7, "white": 1.0}}
    assert below(results) == ["black", "hispanic"]
    assert rows(results)["black"].ratio is None


def test_unknown_members_are_no_reference() -> None:
    found = rows({"selection_rate": {"male": 0.5, "female": 0.45, "unknown": 0.9}})
    assert (found["female"].reference, found["female"].highest) == ("male", "male")


def test_a_tiny_group_is_no_reference() -> None:
    results = {
        "by_group": {
            "a": {"selection_rate": 1.0, "count": 2},
            "b": {"selection_rate": 0.5, "count": 500},
            "c": {"selection_rate": 0.48, "count": 500},
        }
    }
    assert (rows(results)["c"].reference, below(results)) == ("b", [])


def test_of_errors_the_lowest_is_the_reference() -> None:
    found = rows({"false_positive_rate": {"black": 0.3, "white": 0.1}})
    assert (found["black"].reference, round(found["black"].ratio or 0)) == ("white", 3)


@pytest.mark.parametrize(
    "named",
    [
        {"reference_group": {"sex": "male"}},
        {"privileged_groups": [{"sex": "male"}]},
        {"reference_group": "Male"},
    ],
    ids=str,
)
def test_a_reference_is_found_however_it_is_named(named: dict[str, Any]) -> None:
    results = {"selection_rate": {"sex": {"male": 0.3, "female": 0.5}}}
    assert rows(results, **named)["female"].reference == "male"


def test_a_reference_is_found_with_its_attribute_before() -> None:
    results = {"selection_rate": {"sex=Male": 0.3, "sex=Female": 0.5}}
    assert rows(results, reference_group="male")["sex=Female"].reference == "sex=Male"


def test_attributes_of_lists_stay_apart() -> None:
    results = {
        "sex": [
            {"category": "Male", "selection_rate": 0.5, "n": 50},
            {"category": "Female", "selection_rate": 0.3, "n": 50},
        ],
        "race": [
            {"category": "White", "selection_rate": 0.4, "n": 60},
            {"category": "Black", "selection_rate": 0.39, "n": 40},
        ],
    }
    found = rows(results)
    assert {row.group: row.attribute for row in found.values()} == {
        "Male": "sex",
        "Female": "sex",
        "White": "race",
        "Black": "race",
    }
    assert (found["Black"].reference, report(results).count("<figure>")) == ("White", 2)


def test_an_attribute_without_a_group_stays() -> None:
    (row,) = rows({"tests": [{"metric": "dpd", "attribute": "sex", "value": 0.2}]}).values()
    assert row.attribute == "sex"


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (
            {"name": "parity_difference", "value": -0.2, "threshold": 0.1, "passed": False},
            "0.1 above",
        ),
        ({"name": "accuracy", "value": 0.6, "threshold": 0.8, "passed": False}, "0.2 below"),
    ],
    ids=["a difference", "a rate"],
)
def test_the_distance_to_a_threshold_is_that_of_the_size(metric: dict[str, Any], told: str) -> None:
    assert f", {told} the threshold" in report({"tests": [metric]})


def test_the_models_own_threshold_is_no_metrics() -> None:
    results = {"tests": [{"name": "dpd", "value": 0.5, "passed": False}]}
    assert "the threshold" not in report(results, threshold=0.5)


def test_a_groups_verdict_is_no_verdict_on_each_of_its_metrics() -> None:
    results = {"by_group": {"f": {"accuracy": 0.95, "selection_rate": 0.3, "passed": False}}}
    assert {row.passed for row in rows(results).values()} == {None}


def test_a_ratio_is_no_difference() -> None:
    results = {"demographic_parity": {"ratio": 0.6, "passed": False}}
    assert rows(results)[None].metric == "demographic_parity_ratio"


@pytest.mark.parametrize("metric", ["tp", "fn", "selected"])
def test_counts_are_not_compared(metric: str) -> None:
    results = {"by_group": {"a": {metric: 10, "tpr": 0.5}, "b": {metric: 40, "tpr": 0.6}}}
    found = table_of(saved_result(results=results)).rows
    assert {row.ratio for row in found if row.metric == metric} == {None}


def test_a_test_is_no_group() -> None:
    found = {row.group for row in table_of(saved_result(results=example("real_bias_1"))).rows}
    assert "chi_square_test" not in found


def test_a_share_that_is_nearly_four_fifths_has_a_decimal() -> None:
    assert "79.6\N{NO-BREAK SPACE}%" in report({"selection_rate": {"black": 0.398, "white": 0.5}})


def test_the_list_says_how_many_members_a_group_has() -> None:
    group = {"black": {"selection_rate": 0.1, "n": 60}, "white": {"selection_rate": 0.5, "n": 90}}
    assert "20\N{NO-BREAK SPACE}% of white, of 60 members" in report({"by_group": group})


def test_percentages_are_rates() -> None:
    assert below({"selection_rate": {"black": 30, "white": 50}}) == ["black"]


def test_what_no_chart_shows_is_said() -> None:
    page = report({"selection_rate": {f"g{n}": n / 100 for n in range(45)}})
    assert "5 groups more, or without a finite value, are in the table alone." in page


def test_each_metric_has_a_line_that_says_how_far_apart_its_groups_are() -> None:
    page = report({"tpr": {"sex": {"female": 0.6, "male": 0.8}}})
    part = page.partition("<h2>How far apart</h2>")[2].partition("</section>")[0]
    for text in (
        ">sex</td>",
        ">female: 0.6</td>",
        ">male: 0.8</td>",
        ">75\N{NO-BREAK SPACE}%</td>",
    ):
        assert text in part


def test_a_tests_errors_are_in_its_report() -> None:
    assert "Using simulated results" in report(
        {"metrics": {"x": 1}, "error": "Using simulated results due to error"}
    )
