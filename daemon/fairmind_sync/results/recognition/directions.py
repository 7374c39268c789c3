"""What a metric's name says of comparing: whether more is better, how far a value is beyond its threshold,
whether it is a selection rate, which groups may be a reference. Pure.
"""

from __future__ import annotations

import re

from fairmind_sync.results.recognition.words import folded

_SELECTION = re.compile(
    r"(.*_)?(selection|acceptance|approval|hiring|hire|admission|promotion|offer|interview|callback|pass|success"
    r"|scoring)_rates?|(.*_)?(demographic|statistical)_parity"
)
"""A share of a group's members to whom something good happens."""
_IMPACT = re.compile(r"(.*_)?(impact_ratios?|disparate_impact(_ratios?)?)")
"""A selection rate divided by the highest group's."""
_ADVERSE = re.compile(
    r"(^|_)(false|error|errors|fpr|fnr|fdr|mae|mse|rmse|wer|cer|log_loss|brier|brier_score|perplexity"
    r"|toxicity|attack|miss|non|not|un|rejection|reject|denial|deny|harm|hate|violation|failure|refusal"
    r"|misclassification|calibration_error)(_|$)|(^|_)un(?!i)[a-z]+_"
)
"""Of which less is better."""
_NO_REFERENCE = frozenset(
    {
        "unknown",
        "overall",
        "all",
        "total",
        "average",
        "missing",
        "not_specified",
        "unspecified",
        "n_a",
    }
)
"""Groups of those of whom nothing is known, or of everybody."""
_NOT_COMPARED = re.compile(
    r"(.*_)?(count|difference|diff|gap|disparity|std|stddev|var|variance|p_value|statistic|difference_.*"
    r"|impact_ratios?|disparate_impact|disparate_impact_ratios?|selected)|tp|fp|tn|fn"
)

_GAP = re.compile(r"(.*_)?(difference|diff|gap|disparity|std|stddev|var|variance)(_.*)?")
"""How far groups are apart, whichever way."""


def is_selection(metric: str) -> bool:
    """Returns whether the metric is a share of selected members, which the four-fifths rule compares."""
    return _SELECTION.fullmatch(folded(metric)) is not None and not is_adverse(metric)


def is_impact_ratio(metric: str) -> bool:
    """Returns whether the metric is the ratio of a selection rate to the highest group's already."""
    return _IMPACT.fullmatch(folded(metric)) is not None


def is_adverse(metric: str) -> bool:
    """Returns whether less of the metric is better, as of errors."""
    return _ADVERSE.search(folded(metric)) is not None


def may_be_reference(group: str) -> bool:
    """Returns whether others may be compared with the group: not if nobody knows who is in it."""
    return folded(group) not in _NO_REFERENCE


def is_comparable(metric: str) -> bool:
    """Returns whether groups differ in the metric; differences and spreads aren't compared again."""
    return _NOT_COMPARED.fullmatch(folded(metric)) is None


def how_far_beyond(metric: str, value: float, threshold: float) -> float:
    """Returns how far the value is on the wrong side of its threshold: 0 where it is on the right one."""
    if _GAP.fullmatch(folded(metric)):
        return max(0.0, abs(value) - threshold)
    return max(0.0, value - threshold if is_adverse(metric) else threshold - value)
