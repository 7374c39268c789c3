"""Keys: legal for their provider, the same each time, and never one for two paths."""

from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairmind_sync.providers.mlflow.limits import ServerLimits
from fairmind_sync.providers.wandb.content import KEY_RULES as WANDB
from fairmind_sync.results.keys import KeyPath, KeyRules, key_for, keys_for, renamed
from fairmind_sync.text import shorten, storable
from tests.support.values import any_text, for_all, key_paths, marked_alike

MLFLOW = ServerLimits().keys
both = pytest.mark.parametrize("rules", [MLFLOW, WANDB], ids=["mlflow", "wandb"])


def is_legal_in_mlflow(key: str) -> bool:
    """MLflow's own rule, from mlflow.utils.validation; spelled out, as its import takes seconds."""
    return (
        0 < len(key) <= 250
        and bool(re.fullmatch(r"[/\w.\- :]*", key))
        and posixpath.normpath(key) == key
        and key != "."
        and not key.startswith(("/", ".."))
    )


@both
def test_a_plain_name_stays_as_it_is(rules: KeyRules) -> None:
    assert key_for(("accuracy",), rules) == "accuracy"


@both
def test_a_nested_path_is_joined_by_slashes(rules: KeyRules) -> None:
    assert key_for(("groups", "age 18-25", "rate"), rules) == "groups/age 18-25/rate"


@both
def test_letters_of_any_alphabet_stay_as_they_are(rules: KeyRules) -> None:
    assert key_for(("größe", "年齢"), rules) == "größe/年齢"


@both
def test_a_forbidden_character_becomes_an_underscore_and_the_key_is_marked(
    rules: KeyRules,
) -> None:
    assert re.fullmatch(r"p_value_-[0-9a-f]{12}", key_for(("p(value)",), rules))


@given(key_paths)
@example(("..a",))
@example(("...", "a"))
@example(("", ""))
@for_all
def test_every_key_is_legal_in_mlflow(path: KeyPath) -> None:
    assert is_legal_in_mlflow(key_for(path, MLFLOW))


@given(key_paths)
@for_all
def test_every_key_is_legal_in_wandb(path: KeyPath) -> None:
    assert re.fullmatch(r"(?!.*//)[\w.\- :][/\w.\- :]{0,248}[\w.\- :]?", key_for(path, WANDB))


@given(key_paths)
@example(("_step",))
@example(("_timestamp", "a"))
@for_all
def test_no_part_of_a_wandb_key_starts_with_an_underscore(path: KeyPath) -> None:
    key = key_for(path, WANDB)
    assert not any(part.startswith("_") for part in key.split("/"))


def test_an_underscore_may_start_a_key_in_mlflow() -> None:
    assert key_for(("_private",), MLFLOW) == "_private"


@both
def test_a_key_of_250_characters_stays_as_it_is(rules: KeyRules) -> None:
    assert key_for(("a" * 250,), rules) == "a" * 250


@both
def test_a_key_of_251_characters_keeps_its_beginning(rules: KeyRules) -> None:
    assert re.fullmatch(r"a{237}-[0-9a-f]{12}", key_for(("a" * 251,), rules))


@both
@given(path=key_paths)
@for_all
def test_a_path_has_the_same_key_each_time(rules: KeyRules, path: KeyPath) -> None:
    assert key_for(path, rules) == key_for(tuple(path), rules)


def test_a_mark_is_the_same_in_every_version() -> None:
    assert key_for(("a/b",), MLFLOW) == "a_b-1693b0cfc4da"


@both
@given(first=key_paths, second=key_paths)
@for_all
def test_two_paths_never_have_the_same_key(
    rules: KeyRules, first: KeyPath, second: KeyPath
) -> None:
    assert (key_for(first, rules) == key_for(second, rules)) == (first == second)


@both
@given(path=key_paths)
@for_all
def test_a_path_that_spells_another_ones_key_has_another_key(
    rules: KeyRules, path: KeyPath
) -> None:
    paths = {path, *marked_alike(path, rules)}
    assert len({key_for(each, rules) for each in paths}) == len(paths)


@both
@given(paths=st.lists(st.lists(st.text("a/_\0", max_size=3), min_size=1).map(tuple), unique=True))
@for_all
def test_paths_that_differ_only_in_what_is_replaced_have_different_keys(
    rules: KeyRules, paths: list[KeyPath]
) -> None:
    assert len({key_for(path, rules) for path in paths}) == len(paths)


@given(any_text, st.integers(13, 60))
@for_all
def test_a_shortened_text_fits(text: str, longest: int) -> None:
    assert len(shorten(text, longest)) <= longest


@given(any_text)
@for_all
def test_a_text_that_fits_is_not_shortened(text: str) -> None:
    assert shorten(text, max(len(text), 13)) == text


def test_a_shortened_text_keeps_its_beginning_and_carries_a_mark() -> None:
    assert re.fullmatch(r"a{7}-[0-9a-f]{12}", shorten("a" * 21, 20))


def test_texts_that_differ_behind_the_cut_stay_different() -> None:
    assert shorten("a" * 30 + "1", 20) != shorten("a" * 30 + "2", 20)


@given(any_text)
@for_all
def test_storable_text_holds_no_nul_and_no_lone_surrogate(text: str) -> None:
    assert b"\0" not in storable(text).encode()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@for_all
def test_text_that_a_database_takes_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


def test_what_a_database_refuses_becomes_a_replacement_character() -> None:
    assert storable("a\0b\ud800c") == "a\ufffdb\ufffdc"


def test_a_marked_key_has_the_parts_of_its_path() -> None:
    assert re.fullmatch(r"p_1_/x-[0-9a-f]{12}", key_for(("p(1)", "x"), MLFLOW))


@pytest.mark.parametrize(
    ("part", "legal"), [(".", "x_"), ("..", "x__"), ("..a.b", "x__a_b"), ("a/b", "a_b"), ("", "x")]
)
def test_a_part_that_would_step_up_is_made_one_that_does_not(part: str, legal: str) -> None:
    assert MLFLOW.legalise(part) == legal


def test_only_keys_that_are_not_their_path_are_told() -> None:
    keys: dict[KeyPath, str] = {("a", "b"): "a/b", ("c", "d e"): "c/d_e-0123456789ab"}
    assert [*renamed(keys)] == ["key 'c/d e' is sent as 'c/d_e-0123456789ab'"]


def test_keys_that_case_alone_tells_apart_stay_as_they_are() -> None:
    paths = [("Tpr",), ("tpr",)]
    assert keys_for(paths, MLFLOW) == {("Tpr",): "Tpr", ("tpr",): "tpr"}


def test_where_case_tells_nothing_apart_the_first_key_stays_and_later_ones_are_marked() -> None:
    keys = keys_for([("Tpr",), ("tpr",), ("fpr",), ("TPR",)], MLFLOW, folds_case=True)
    stems = [key.partition("-")[0] for key in keys.values()]
    assert (stems, keys[("Tpr",)], keys[("fpr",)]) == (["Tpr", "tpr", "fpr", "TPR"], "Tpr", "fpr")
    assert len({key.casefold() for key in keys.values()}) == 4
