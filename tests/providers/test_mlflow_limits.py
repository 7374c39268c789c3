"""What a server's refusal teaches about what the server takes."""

from __future__ import annotations

import pytest

from fairmind_sync.providers.mlflow.content import content_of
from fairmind_sync.providers.mlflow.limits import ServerLimits
from tests.support.values import delivery

NEWEST = ServerLimits()


def learned(key: str = "a", value: str = "", others: tuple[str, ...] = ()) -> ServerLimits:
    limits = NEWEST.after_refused_entry(key, value, others)
    assert limits is not None
    return limits


def test_a_refused_colon_is_sent_no_more() -> None:
    made = content_of(delivery(results={"a:b": 1.0}), "p", learned("a:b"))
    assert [point.key.partition("-")[0] for point in made.points] == ["a_b"]


def test_a_key_whose_colon_went_is_told() -> None:
    made = content_of(delivery(results={"a:b": 1.0}), "p", learned("a:b"))
    assert "key 'a:b' is sent as" in made.adjusted[0]


@pytest.mark.parametrize(("length", "longest"), [(6_000, 500), (501, 500), (500, 250), (251, 250)])
def test_a_refused_parameter_is_sent_shorter(length: int, longest: int) -> None:
    assert learned(value="x" * length).longest_param == longest


def test_a_parameter_that_is_refused_again_is_sent_shorter_still() -> None:
    again = learned(value="x" * 501).after_refused_entry("a", "x" * 500, ())
    assert again is not None
    assert again.longest_param == 250


def test_a_short_parameter_that_is_refused_teaches_nothing() -> None:
    assert NEWEST.after_refused_entry("a", "x" * 250, ["b"]) is None


def test_a_metric_without_anything_special_that_is_refused_teaches_nothing() -> None:
    assert NEWEST.after_refused_entry("a", "", ["a", "b"]) is None


def test_keys_that_case_alone_tells_apart_get_keys_of_their_own() -> None:
    limits = learned("Tpr", others=("tpr", "Tpr", "fpr"))
    made = content_of(delivery(results={"tpr": 1.0, "Tpr": 2.0, "fpr": 3.0}), "p", limits)
    keys = [point.key for point in made.points]
    assert len({key.casefold() for key in keys}) == 3
    assert "fpr" in keys


@pytest.mark.parametrize(
    ("key", "value", "others"),
    [("a:b", "", ()), ("a", "x" * 6_000, ()), ("A", "", ("a", "A"))],
    ids=["colon", "long", "twin"],
)
def test_what_another_thread_has_learned_meanwhile_teaches_nothing_more(
    key: str, value: str, others: tuple[str, ...]
) -> None:
    limits = learned(key, value, others)
    assert limits.after_refused_entry(key, value, others) == limits


def test_shorter_tags_that_another_thread_has_learned_are_learned_once() -> None:
    limits = NEWEST.after_refused_run(["x" * 8_000])
    assert limits is not None
    assert limits.after_refused_run(["x" * 8_000]) == limits


@pytest.mark.parametrize(
    ("length", "longest"), [(8_000, 5_000), (5_001, 5_000), (5_000, 250), (251, 250)]
)
def test_a_refused_run_is_made_with_shorter_tags(length: int, longest: int) -> None:
    limits = NEWEST.after_refused_run(["short", "x" * length])
    assert limits is not None
    assert limits.longest_tag == longest


@pytest.mark.parametrize("tags", [[], ["x" * 250]])
def test_a_refused_run_with_short_tags_teaches_nothing(tags: list[str]) -> None:
    assert NEWEST.after_refused_run(tags) is None
