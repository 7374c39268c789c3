"""Finds fields that audits ask for (reviewer, data period, limitations, ...) in a result and its metadata.

The words are those of New York's Local Law 144 (6 RCNY 5-301 to 5-304) and of FairMind's own governance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fairmind_sync.evidence.number_format import phrase
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words

MOST_FIELDS = 60
_WORDS = frozenset(
    {
        *(
            "threshold",
            "thresholds",
            "fairness_threshold",
            "decision",
            "overall_verdict",
            "decided_by",
        ),
        *(
            "decided_at",
            "rationale",
            "evaluator",
            "auditor",
            "reviewer",
            "reviewed_at",
            "reviewed_by",
        ),
        *(
            "review_status",
            "approver",
            "data_window",
            "data_from",
            "data_to",
            "date_range",
            "period",
        ),
        *("data_source", "source_of_data", "test_data", "historical_data", "evidence_state"),
        *("validation_state", "expiry", "expires_at", "expires", "valid_until", "audit_date"),
        *(
            "date_of_audit",
            "distribution_date",
            "unknown_count",
            "number_unknown",
            "excluded_categories",
        ),
        *(
            "exclusions",
            "justification",
            "median_score",
            "regulatory_mapping",
            "framework_mappings",
        ),
        *("control_mapping", "controls", "compliance_status", "limitations", "intended_use"),
        *("protected_attributes", "protected_attribute", "sensitive_features", "affected_groups"),
        *(
            "missing_groups",
            "sample_size",
            "sample_count",
            "total_samples",
            "selected",
            "applicants",
        ),
    }
)


def audit_fields(
    results: Mapping[str, Json],
    metadata: Mapping[str, Json],
    shown: Collection[float] = frozenset(),
) -> list[tuple[str, str]]:
    """Returns name and value of each such field, the metadata's first; at most `MOST_FIELDS`.

    Metrics' own thresholds that are shown elsewhere, of which `shown` has the values, are left out.
    """
    found = [*_fields(dict(metadata), (), ()), *_fields(dict(results), (), shown)]
    return found[:MOST_FIELDS]


def _fields(
    value: Json, path: tuple[str, ...], shown: Collection[float]
) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if words.is_count(key) and path:
            continue  # a group's, which is in the table
        is_threshold = words.folded(key) == "threshold" and isinstance(item, int | float)
        if path and is_threshold and item in shown:
            continue  # a metric's, which is in the table
        if words.folded(key) in _WORDS and not _is_of_groups(item):
            if item not in (None, "", [], {}):
                yield " / ".join(words.spoken(one) for one in (*path, key)), phrase(item)
        else:
            yield from _fields(item, (*path, key), shown)


def _is_of_groups(value: Json) -> bool:
    """Returns whether these are numbers of groups, which are in the table."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(one, int | float) for one in value.values())
    )
