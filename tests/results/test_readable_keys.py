"""Keys that people can read: what is spelled out, what is marked, and that no two paths share a key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairmind_sync.providers.mlflow.limits import ServerLimits
from fairmind_sync.providers.wandb.content import KEY_RULES as WANDB
from fairmind_sync.results.keys import KeyPath, KeyRules
from fairmind_sync.results.readable_keys import readable_keys, renamed_parts, spelled
from tests.results.test_keys import is_legal_in_mlflow
from tests.support.values import for_all, key_paths

MLFLOW = ServerLimits().keys
both = pytest.mark.parametrize("rules", [MLFLOW, WANDB], ids=["mlflow", "wandb"])


@both
@pytest.mark.parametrize(
    ("part", "spelling"),
    [
        ("<=50K", "lte_50K"),
        (">=50K", "gte_50K"),
        ("<25", "lt_25"),
        (">60", "gt_60"),
        ("≤ 25", "lte_25"),
        ('race == "Black"', "race_eq_Black"),
        ("sex=female", "sex_eq_female"),
        ("(25, 40]", "25_40"),
        ("65+", "65_plus"),
        ("sex_&_race", "sex_and_race"),
        ("p(value)", "p_value"),
        ("(X)[1]", "X_1"),
        ("a__b", "a__b"),
        ("X(1)X", "X_1_X"),
        ("Black or African American", "Black or African American"),
        ("größe", "größe"),
    ],
)
def test_a_part_is_spelled_so_that_it_can_be_read(
    rules: KeyRules, part: str, spelling: str
) -> None:
    assert readable_keys([("tpr", part)], rules) == {("tpr", part): f"tpr/{spelling}"}


@both
def test_a_group_has_one_spelling_in_all_keys(rules: KeyRules) -> None:
    keys = readable_keys([("tpr", "<25"), ("fpr", "<25"), ("x", "lt_25")], rules)
    (first,) = {key.partition("/")[2] for path, key in keys.items() if path[1] == "<25"}
    assert (first != "lt_25", keys["x", "lt_25"]) == (True, "x/lt_25")


def test_parts_that_would_be_spelled_alike_are_marked() -> None:
    found = spelled({"(a)", "[a]", "b"}, MLFLOW)
    assert found["b"] == "b"
    assert all(re.fullmatch(r"a-[0-9a-f]{12}", found[part]) for part in ("(a)", "[a]"))


@both
def test_a_key_that_is_too_long_keeps_its_beginning(rules: KeyRules) -> None:
    (key,) = readable_keys([("a" * 251,)], rules).values()
    assert re.fullmatch(r"a{237}-[0-9a-f]{12}", key)


def test_keys_that_case_alone_tells_apart_are_marked_where_case_tells_nothing() -> None:
    keys = readable_keys([("Tpr",), ("tpr",)], MLFLOW, folds_case=True)
    assert (keys[("Tpr",)], keys[("tpr",)].partition("-")[0]) == ("Tpr", "tpr")
    assert len({key.casefold() for key in keys.values()}) == 2


def test_keys_that_case_alone_tells_apart_stay_where_case_tells_them_apart() -> None:
    keys = readable_keys([("Tpr",), ("tpr",)], MLFLOW)
    assert keys == {("Tpr",): "Tpr", ("tpr",): "tpr"}


@pytest.mark.parametrize("paths", [[("x", "tpr"), ("x", "Tpr")], [("x", "Tpr"), ("x", "tpr")]])
def test_the_first_of_two_keys_stays_where_case_tells_nothing(paths: list[KeyPath]) -> None:
    first, second = readable_keys(paths, MLFLOW, folds_case=True).values()
    assert first == "/".join(paths[0])
    assert re.fullmatch(f"{'/'.join(paths[1])}-[0-9a-f]{{12}}", second)


def test_a_spelling_is_marked_where_another_key_has_it() -> None:
    marked, plain = readable_keys([("<=50K",), ("lte_50k",)], MLFLOW, folds_case=True).values()
    assert plain == "lte_50k"
    assert re.fullmatch(r"__50K-[0-9a-f]{12}", marked)
    assert [*readable_keys([("<=50K",)], MLFLOW, folds_case=True).values()] == ["lte_50K"]


@both
def test_a_key_may_be_as_long_as_the_provider_takes(rules: KeyRules) -> None:
    path = ("a" * rules.longest,)
    assert readable_keys([path], rules) == {path: path[0]}


def test_original_parts_are_told_by_their_spellings() -> None:
    paths = [("tpr", "<25"), ("tpr", "old"), ("fpr", "<=50K")]
    assert renamed_parts(paths) == {"lt_25": "<25", "lte_50K": "<=50K"}
    assert [*renamed_parts([("z", "(b)"), ("z", "(a)")])] == ["a", "b"]


@both
@given(paths=st.lists(key_paths, max_size=6, unique=True), folds_case=st.booleans())
@for_all
def test_no_two_paths_of_a_run_share_a_key(
    rules: KeyRules, paths: list[KeyPath], folds_case: bool
) -> None:
    keys = readable_keys(paths, rules, folds_case=folds_case)
    seen = {key.casefold() if folds_case else key for key in keys.values()}
    assert (len(seen), {*keys}) == (len(paths), {*paths})


@given(st.lists(key_paths, max_size=4, unique=True))
@for_all
def test_every_key_is_legal_in_mlflow(paths: list[KeyPath]) -> None:
    assert all(map(is_legal_in_mlflow, readable_keys(paths, MLFLOW).values()))


@given(st.lists(key_paths, max_size=4, unique=True))
@for_all
def test_every_part_is_legal_in_wandb(paths: list[KeyPath]) -> None:
    keys = readable_keys(paths, WANDB).values()
    assert all(WANDB.accepts(part) for key in keys for part in key.split("/"))
