"""The vocabulary: words by which toolkits name metrics, groups, attributes, counts, passed and failed; asks
what a key means. Pure.

A word is compared after `folded`: in lower case, with an underscore for whatever is no letter or digit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from fairmind_sync.results.plain_json import Json

COUNTS = (
    *("count", "counts", "n", "num", "size", "support", "sample_size", "sample_count"),
    *("n_samples", "num_samples", "num_instances", "group_size", "applicants", "of_applicants"),
    *("number_of_applicants", "num_applicants", "n_applicants", "total_applicants"),
)
"""Under which stands how many members a group has; the first that is there counts."""
VALUES = (
    *("value", "score", "bias_score", "metric_value", "estimate", "difference", "disparity"),
    *("actual_value", "current_value", "rate", "ratio"),
)
"""Under which a metric's object holds the metric's value; the first that is there counts."""
NAMES = (
    *(
        "metric",
        "metric_name",
        "test_name",
        "test_id",
        "rule_name",
        "name",
        "bias_type",
        "test_type",
    ),
    *("test", "title", "rule_id", "id", "attribute", "feature", "label", "key"),
    *("attack_type", "strategy", "scenario", "type", "kind"),
)
"""Under which an entry of a list holds what names the entry."""
GROUP_NAMES = ("group", "subgroup", "slice", "category", "demographic", "segment", "cohort")
"""Under which an entry of a list, or a column, holds the name of a group."""
_NAMING = (*NAMES, *GROUP_NAMES)
_NAMING_ENDS = ("_id", "_name", "_type", "method", "model")
NO_NAME = len(_NAMING) + 1
THRESHOLDS = ("threshold", "fairness_threshold", "tolerance", "cutoff", "limit")
INTERVALS = ("confidence_interval", "conf_int", "ci", "interval", "credible_interval")
LOWER = ("lower", "low", "lo", "lower_bound", "ci_lower", "ci_low", "min")
UPPER = ("upper", "high", "hi", "upper_bound", "ci_upper", "ci_high", "max")
GOOD = (
    "passed",
    "pass",
    "is_fair",
    "fair",
    "compliant",
    "met",
    "threshold_met",
    "overall_fair",
)
"""True under one of these words is good news."""
BAD = ("is_biased", "biased", "bias_detected", "detected_bias", "detected", "failed", "violation")
"""True under one of these words is bad news."""
_STATUS = ("status", "verdict", "outcome")
_JUDGEMENTS = frozenset({*GOOD, *BAD, *_STATUS})
PASSES = frozenset({"passed", "pass", "ok", "fair", "compliant"})
FAILS = frozenset({"failed", "fail", "biased", "unfair", "violated", "non_compliant"})
FLAGS = frozenset({*GOOD, *BAD, *THRESHOLDS, *INTERVALS, "p_value", "details", "status"})
"""What is said of a metric or group, so is neither."""
PROTECTED = (
    *("protected_attribute", "protected_attributes", "sensitive_feature", "sensitive_features"),
    *("sensitive_attribute", "sensitive_attributes", "protected_groups", "attributes"),
)
"""Under which metadata name the protected attributes."""
PROVENANCE = frozenset(
    {
        *("model_version", "model_name", "model_type", "model_uri", "model_digest", "algorithm"),
        *("dataset_name", "dataset_version", "dataset_digest", "dataset_hash", "dataset_source"),
        *(
            "dataset",
            "data_source",
            "run_by",
            "toolkit",
            "toolkit_version",
            "library",
            "git_commit",
        ),
        *("commit", "code_version", "environment", "seed", "random_state"),
    }
)
"""What metadata say of where a result comes from."""
ATTRIBUTE_NAMES = ("attribute", "protected_attribute", "sensitive_feature", "sensitive_attribute")
"""Under which an entry of a list names the attribute that its group belongs to."""
REFERENCES = (
    *("reference_group", "reference", "privileged_group", "majority_group"),
    *("reference_groups", "privileged_groups"),
)
ATTRIBUTES = frozenset(
    {
        *("sex", "gender", "race", "ethnicity", "race_ethnicity", "age", "age_group", "age_range"),
        *("caste", "religion", "region", "language", "nationality", "country", "disability"),
        *(
            "marital_status",
            "education",
            "income",
            "income_group",
            "skin_tone",
            "accent",
            "dialect",
        ),
        *("sexual_orientation", "veteran_status", "occupation", "intersectional_group"),
        *("socioeconomic_status", "religious", "linguistic", "regional", "cultural"),
    }
)
GROUP_TABLES = frozenset(
    {
        *("by_group", "groups", "subgroups", "per_group", "group_metrics", "group_results"),
        *("group_details", "group_stats", "group_performance", "subgroup_performance"),
        *("subgroup_metrics", "demographic_analysis", "intersectional", "intersections"),
        *("intersectional_analysis", "intersectional_groups", "metrics_by_group"),
    }
)
"""What holds an object of metrics for each group, or for each metric the numbers of the groups."""
_GROUP_NUMBERS = re.compile(
    r"(?P<metric>.+?)_(by|per|of)_(sub)?groups?|(sub)?groups?_(?P<noun>scores?|rates?|values?|metrics?)"
    r"|(sub)?groups?_(?P<plural>.+)"
    r"|(?P<rates>(acceptance|opportunity|positive|selection|scoring|approval|error|impact|base)_(rate|ratio)s)"
    r"|(?P<errors>calibration_errors)|(?P<counts>demographic_breakdown|voice_groups)"
)
_NO_NUMBERS = frozenset(
    {"group_coverage", "group_thresholds", "group_weights", "group_ids", "group_threshold"}
)
_CROSSING = re.compile(r"_?&_?|_x_|\s*[,|+*]\s*|\s+(?:and|x|by)\s+")
"""What stands between the attributes of an intersection."""
_BY_ATTRIBUTE = re.compile(r"(by|per)_(?P<attribute>.+)")
_RATE = re.compile(
    r"(.*_)?(accuracy|precision|recall|sensitivity|specificity|f1|f1_score|auc|auroc|auprc|tpr|fpr|tnr|fnr"
    r"|ppv|npv|fdr|mcc|brier|brier_score|log_loss|mse|rmse|mae|r2|r2_score|wer|perplexity|rates?|error"
    r"|predictive_value|impact_ratio|selected|mean_prediction|mean_score|average_score)"
)
_FAIRNESS = re.compile(
    r"(.*_)?(parity|odds|opportunity|impact|difference|diff|disparity|gap|ratio|score|scores|index|bias"
    r"|calibration|fairness|consistency|toxicity|sentiment|regard)"
)
_STATISTIC = re.compile(
    r"(.*_)?(mean|median|std|stddev|var|variance|min|max|sum|total|value|proportion|percentage|percent"
    r"|statistic|p_value|pvalue|effect_size|confidence|lower|upper|magnitude|strength|level|p\d+|q\d+|d)"
    r"|tp|fp|tn|fn"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")
_CACHED = 4096
"""A result asks of few keys, and of each many times."""
_ASSIGNED = re.compile(r"""(?P<attribute>[^=:]+?)\s*(==?|:)\s*["']?(?P<value>[^=:"']+)["']?""")


@lru_cache(_CACHED)
def folded(key: str) -> str:
    """Returns the key in lower case, with one underscore for whatever is no letter or digit.

    A word that begins with a capital is a word of its own, as in `testName`.
    """
    apart = _CAMEL.sub("_", key)
    return _NO_WORD.sub("_", apart.casefold()).strip("_")


@lru_cache(_CACHED)
def is_rate(key: str) -> bool:
    """Returns whether the key names a rate or a measure of performance, as each group has one."""
    return _RATE.fullmatch(folded(key)) is not None


@lru_cache(_CACHED)
def is_metric(key: str) -> bool:
    """Returns whether the key names a number that is computed, so is no group's name."""
    word = folded(key)
    forms, kinds = {word, _singular(word)}, (_RATE, _FAIRNESS, _STATISTIC)
    return word in COUNTS or any(kind.fullmatch(form) for kind in kinds for form in forms)


def spoken(key: str) -> str:
    """Returns the key as words: without underscores, and with capitals only where the key has them."""
    return _CAMEL.sub(" ", key).replace("_", " ").strip() or key


def is_count(key: str) -> bool:
    return folded(key) in COUNTS


@lru_cache(_CACHED)
def attribute_in(key: str, known: frozenset[str] = frozenset()) -> str | None:
    """Returns the protected attribute that the key names, as `sex`, `by_sex` and `per_sex` do; else None."""
    word = folded(key)
    if all(folded(part) in ATTRIBUTES or folded(part) in known for part in _CROSSING.split(key)):
        return key
    match = _BY_ATTRIBUTE.fullmatch(word)
    named = match["attribute"] if match else ""
    return named if named in ATTRIBUTES or named in known else None


def naming_rank(key: str) -> int:
    """Returns how well the key names an entry of a list, 0 for the best; `NO_NAME` if it names nothing."""
    word = folded(key)
    if word in _NAMING:
        return _NAMING.index(word)
    return len(_NAMING) if word.endswith(_NAMING_ENDS) else NO_NAME


def attribute_of_group(group: str, known: frozenset[str]) -> str | None:
    """Returns the attribute in a group's name such as `sex=Female` or `race == "Black"`; else None."""
    match = _ASSIGNED.fullmatch(group.strip())
    return attribute_in(match["attribute"], known) if match else None


def value_of_group(group: str) -> str:
    """Returns a group's name without the attribute that it may hold: of `sex=Female` 'Female'."""
    match = _ASSIGNED.fullmatch(group.strip())
    return match["value"] if match else group


@lru_cache(_CACHED)
def group_metric(key: str, around: str | None) -> str | None:
    """Returns the metric whose numbers for each group stand under the key; None if there is none.

    Where the key has no name of its own for the metric, as `group_scores`, that is `around`.
    """
    word = folded(key)
    match = _GROUP_NUMBERS.fullmatch(word)
    if match is None or word in _NO_NUMBERS:
        return None
    if match["metric"]:
        return _one(match["metric"], around)
    if match["counts"]:
        return "count"
    if match["noun"]:
        return around or _singular(match["noun"])
    return _singular(match["plural"] or match["rates"] or match["errors"])


def _one(metric: str, around: str | None) -> str:
    is_vague = metric in ("rates", "scores", "values", "results")
    return (around or _singular(metric)) if is_vague else metric


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def first_of(words: Sequence[str], entry: Mapping[str, Json]) -> Json:
    """Returns the value under the first of the words that the entry has; None if it has none."""
    by_word = {folded(key): value for key, value in entry.items()}
    return next((by_word[word] for word in words if word in by_word), None)


def is_judgement(key: str) -> bool:
    """Returns whether what stands under the key may say that something passed or failed."""
    return folded(key) in _JUDGEMENTS


def count_in(entry: Mapping[str, Json]) -> int | None:
    """Returns how many members a group has; None if the entry states no whole number."""
    count = first_of(COUNTS, entry)
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def passed_in(entry: Mapping[str, Json]) -> bool | None:
    """Returns whether the entry states that it passed; None if it states nothing."""
    good, bad = first_of(GOOD, entry), first_of(BAD, entry)
    if isinstance(good, bool):
        return good
    if isinstance(bad, bool):
        return not bad
    status = first_of(_STATUS, entry)
    word = folded(status) if isinstance(status, str) else ""
    return True if word in PASSES else False if word in FAILS else None
