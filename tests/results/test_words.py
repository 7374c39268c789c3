"""The words of toolkits: which metric a key names, and what a word says of a number."""

from __future__ import annotations

import pytest

from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words


@pytest.mark.parametrize(
    ("key", "around", "metric"),
    [
        ("tpr_by_group", None, "tpr"),
        ("tpr_by_group", "fpr", "tpr"),
        ("TPR per Subgroup", None, "tpr"),
        ("rates_by_group", None, "rate"),
        ("rates_by_group", "tpr", "tpr"),
        ("scores_per_group", "tpr", "tpr"),
        ("values_of_groups", None, "value"),
        ("results_by_subgroups", "tpr", "tpr"),
        ("group_scores", None, "score"),
        ("group_scores", "tpr", "tpr"),
        ("subgroup_rates", None, "rate"),
        ("group_counts", "tpr", "count"),
        ("group_loss", "tpr", "loss"),
        ("groups_accuracy", None, "accuracy"),
        ("selection_rates", "tpr", "selection_rate"),
        ("impact_ratios", None, "impact_ratio"),
        ("calibration_errors", None, "calibration_error"),
        ("demographic_breakdown", "tpr", "count"),
        ("group_weights", "tpr", None),
        ("selection_rate", "tpr", None),
        ("anything", "tpr", None),
    ],
)
def test_a_key_names_the_metric_of_the_groups_below_it(
    key: str, around: str | None, metric: str | None
) -> None:
    assert words.group_metric(key, around) == metric


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("selection_rate", "selection rate"),
        ("biasScore", "bias Score"),
        ("_private_", "private"),
        ("AUC", "AUC"),
        ("_", "_"),
    ],
)
def test_a_key_is_spoken_in_words(key: str, said: str) -> None:
    assert words.spoken(key) == said


@pytest.mark.parametrize(
    ("key", "word"),
    [("testName", "test_name"), ("F1-Score", "f1_score"), ("__n__", "n"), ("a..b", "a_b")],
)
def test_however_a_key_is_written_it_is_one_word(key: str, word: str) -> None:
    assert words.folded(key) == word


@pytest.mark.parametrize(
    ("key", "known", "attribute"),
    [
        ("sex", (), "sex"),
        ("Sex", (), "Sex"),
        ("by_sex", (), "sex"),
        ("per_age_group", (), "age_group"),
        ("sex & race", (), "sex & race"),
        ("sex_x_race", (), "sex_x_race"),
        ("sex, dept", ("dept",), "sex, dept"),
        ("sex, dept", (), None),
        ("dept", ("dept",), "dept"),
        ("by_dept", ("dept",), "dept"),
        ("by_dept", (), None),
        ("income_rate", (), None),
    ],
)
def test_a_key_names_an_attribute_or_a_crossing_of_several(
    key: str, known: tuple[str, ...], attribute: str | None
) -> None:
    assert words.attribute_in(key, frozenset(known)) == attribute


@pytest.mark.parametrize(
    ("group", "attribute", "value"),
    [
        ("sex=Female", "sex", "Female"),
        (" race == 'Black' ", "race", "Black"),
        ('dept: "a b"', "dept", "a b"),
        ("zip=1", None, "1"),
        ("Female", None, "Female"),
    ],
)
def test_a_groups_name_may_hold_its_attribute(
    group: str, attribute: str | None, value: str
) -> None:
    assert words.attribute_of_group(group, frozenset({"dept"})) == attribute
    assert words.value_of_group(group) == value


@pytest.mark.parametrize("count", ["12", True, 12.5, None, [12]], ids=repr)
def test_a_count_is_a_whole_number(count: Json) -> None:
    assert words.count_in({"n": count}) is None
    assert words.count_in({"n": 12}) == 12


def test_the_first_word_that_is_there_counts() -> None:
    assert words.first_of(("a", "b"), {"B": 2, "c": 3, "A": None}) is None
    assert words.first_of(("a", "b"), {"B": 2, "c": 3}) == 2
    assert words.first_of(("a", "b"), {"c": 3}) is None


@pytest.mark.parametrize(
    ("entry", "passed"),
    [
        ({"passed": True, "biased": True}, True),
        ({"passed": "yes", "biased": True}, False),
        ({"Is Fair": False}, False),
        ({"violation": False, "status": "failed"}, True),
        ({"verdict": "Non-compliant"}, False),
        ({"outcome": "OK"}, True),
        ({"status": "open"}, None),
        ({"status": 1}, None),
        ({}, None),
    ],
)
def test_what_an_entry_says_of_itself(entry: dict[str, Json], passed: bool | None) -> None:
    assert words.passed_in(entry) is passed


@pytest.mark.parametrize("key", ["passed", "isFair", "bias_detected", "verdict", "Status"])
def test_what_stands_under_such_a_key_is_a_judgement(key: str) -> None:
    assert words.is_judgement(key)
    assert not words.is_judgement(f"{key}_rate")


@pytest.mark.parametrize(
    ("key", "is_rate", "is_metric"),
    [
        ("tpr", True, True),
        ("False Positive Rate", True, True),
        ("selection_rates", True, True),
        ("demographic_parity", False, True),
        ("bias_scores", False, True),
        ("std", False, True),
        ("p95", False, True),
        ("n_samples", False, True),
        ("female", False, False),
        ("operator", False, False),
    ],
)
def test_a_key_is_a_rates_a_metrics_or_a_groups(key: str, is_rate: bool, is_metric: bool) -> None:
    assert (words.is_rate(key), words.is_metric(key)) == (is_rate, is_metric)


@pytest.mark.parametrize(
    ("better", "worse"),
    [("metric", "name"), ("name", "group"), ("group", "run_id"), ("run_id", "note")],
)
def test_some_keys_name_an_entry_better_than_others(better: str, worse: str) -> None:
    assert words.naming_rank(better) < words.naming_rank(worse)


def test_what_names_nothing_has_the_last_rank() -> None:
    assert (words.naming_rank("Metric"), words.naming_rank("note")) == (0, words.NO_NAME)
