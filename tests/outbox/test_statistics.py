"""How a user's tests went, in numbers; odd payloads don't break the sums."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairmind_sync import bias_test_results as service
from tests.support import backend_calls
from tests.support.backend_calls import get, listed, save

pytestmark = pytest.mark.both_databases

NOTHING: dict[str, Any] = {
    "total_tests": 0,
    "by_risk": {},
    "by_type": {},
    "total_metrics_tested": 0,
    "metrics_passed": 0,
    "metrics_failed": 0,
    "pass_rate": 0.0,
}
HUGE = 10**30


@pytest.fixture(autouse=True)
def _backend(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend_calls.enter(monkeypatch, database_url, "none")


def counts(passed: object, failed: object, **more: object) -> dict[str, object]:
    return {"metrics_passed": passed, "metrics_failed": failed, **more}


def statistics(model_id: str | None = None) -> dict[str, Any]:
    return service.get_test_statistics_sync("user-1", model_id)


def test_a_user_without_results_has_zeros() -> None:
    assert asyncio.run(service.get_test_statistics("user-1")) == NOTHING


def test_results_are_counted_by_risk_and_type_and_their_metrics_summed() -> None:
    save("one", results=counts(3, 1, overall_risk="high"))
    save("two", results=counts(4, 0, overall_risk="low"), test_type="llm_bias")
    save("three", results=counts(0, 2, overall_risk="low"))
    assert asyncio.run(service.get_test_statistics("user-1")) == {
        "total_tests": 3,
        "by_risk": {"high": 1, "low": 2},
        "by_type": {"llm_bias": 1, "ml_bias": 2},
        "total_metrics_tested": 10,
        "metrics_passed": 7,
        "metrics_failed": 3,
        "pass_rate": 70.0,
    }


@pytest.mark.parametrize(
    ("passed", "failed", "rate"),
    [(0, 0, 0.0), (1, 0, 100.0), (0, 1, 0.0), (1, 2, 33.33), (2, 1, 66.67), (1, 1, 50.0)],
)
def test_the_pass_rate_is_a_percentage_with_two_decimals(
    passed: int, failed: int, rate: float
) -> None:
    save(results=counts(passed, failed))
    assert statistics()["pass_rate"] == rate


def test_a_pass_rate_without_metrics_is_a_float() -> None:
    assert isinstance(statistics()["pass_rate"], float)


def test_a_result_that_names_no_risk_is_counted_as_unknown() -> None:
    save()
    assert statistics()["by_risk"] == {"unknown": 1}


def test_only_the_newest_revision_counts() -> None:
    save(results=counts(1, 9, overall_risk="high"))
    save(results=counts(9, 1, overall_risk="low"))
    seen = statistics()
    assert (seen["total_tests"], seen["by_risk"], seen["pass_rate"]) == (1, {"low": 1}, 90.0)


def test_statistics_can_be_of_one_model() -> None:
    save("one", model_id="m1", results=counts(1, 0))
    save("two", model_id="m2", results=counts(0, 1))
    assert (statistics("m1")["total_tests"], statistics("m1")["pass_rate"]) == (1, 100.0)


@pytest.mark.parametrize("odd", [7, True, ["high"], {"is": "high"}, None, 0.5])
def test_a_risk_that_is_no_text_is_none(odd: object) -> None:
    save(results={"overall_risk": odd})
    assert (get()["overall_risk"], statistics()["by_risk"]) == (None, {"unknown": 1})


def test_a_risk_that_is_no_unicode_text_is_saved_all_the_same() -> None:
    save(results={"overall_risk": "\ud800"})
    assert (listed(), statistics()["total_tests"]) == (["t"], 1)


@pytest.mark.parametrize("odd", [[1, 2], True, HUGE, -1, 1.0, "3", None, {"a": 1}, 2**31])
def test_a_count_that_is_none_is_zero(odd: object) -> None:
    save(results=counts(odd, odd))
    assert statistics() | {"by_risk": {}, "by_type": {}, "total_tests": 0} == NOTHING


@pytest.mark.parametrize("odd", [[1, 2], True, HUGE, -1, 1.0, "3", None])
def test_an_odd_count_stays_in_the_results_as_it_was(odd: object) -> None:
    save(results=counts(odd, 0))
    assert get()["results"]["metrics_passed"] == odd


def test_the_largest_counts_are_summed() -> None:
    most = 2**31 - 1
    for number in range(3):
        save(f"t{number}", results=counts(most, most))
    assert statistics()["total_metrics_tested"] == 6 * most


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, 7, "\ud800"])
def test_an_odd_summary_is_given_as_it_is(odd: object) -> None:
    save(results={"summary": odd})
    assert get()["summary"] == odd
