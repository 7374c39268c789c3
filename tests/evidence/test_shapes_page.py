"""The page on shapes of results: each example is understood as the page says."""

from __future__ import annotations

import json
import re
from typing import Any

from fairmind_sync.evidence.group_table import table_of
from fairmind_sync.results.verdict import verdict_of
from tests.support.documents import DOCS
from tests.support.values import saved_result

PAGE = (DOCS / "guides" / "what-results-say.md").read_text(encoding="utf-8")
WHOLE, METRIC, LISTED, BY_GROUP, BY_METRIC, WORDS = (
    json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
)


def rows(results: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (row.metric, row.group, row.value, row.threshold, row.passed)
        for row in table_of(saved_result(results=results)).rows
    ]


def test_a_verdict_is_read() -> None:
    verdict = verdict_of(WHOLE)
    assert (verdict.overall_risk, verdict.metrics_failed, verdict.has_passed) == ("high", 1, False)


def test_a_metric_with_its_threshold_is_read_in_both_forms() -> None:
    assert rows(METRIC) == [("demographic_parity_difference", None, 0.25, 0.1, False)]
    assert rows(LISTED) == [("disparate_impact", None, 0.71, 0.8, False)]
    assert [verdict_of(one).has_passed for one in (METRIC, LISTED)] == [False, False]


def test_groups_are_read_in_both_forms() -> None:
    for shape in (BY_GROUP, BY_METRIC):
        assert [row[:3] for row in rows(shape)] == [
            ("selection_rate", "female", 0.35),
            ("selection_rate", "male", 0.6),
        ]


def test_words_are_no_numbers() -> None:
    assert rows(WORDS) == []
