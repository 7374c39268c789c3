"""What a delivery sends to MLflow: within its limits, and nothing changed in silence."""

from __future__ import annotations

import json
import math
import posixpath
import re
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairmind_sync.providers.mlflow.content import MlflowContent, content_of
from fairmind_sync.providers.mlflow.runs_api import Entry, MetricPoint, ParamText, StoredRun
from fairmind_sync.results.plain_json import Json
from fairmind_sync.text import storable
from tests.support.values import any_text, delivery, for_all, objects

AT_MS = 1_767_323_045_678
MOST_BYTES = 1_000_000
TO_THE_LIMIT = [
    {"results": {f"m{number}": number for number in range(2_500)}},
    {"results": {f"{number:04}" + "年" * 246: 0.123456789 for number in range(1_000)}},
    {"results": {f"{number:04}" + "𠀀" * 246: 0.123456789 for number in range(1_000)}},
    {"metadata": {f"p{number}": number for number in range(250)}},
    {"metadata": {f"p{number}": "年" * 6_000 for number in range(60)}},
    {"metadata": {f"p{number}": "😀" * 6_000 for number in range(60)}},
]
SIZES = ["metrics", "long keys", "longest keys", "params", "long values", "longest values"]
at_the_limit = pytest.mark.parametrize("changes", TO_THE_LIMIT, ids=SIZES)


def content(**changes: Any) -> MlflowContent:
    return content_of(delivery(**changes), "an-experiment")


def body_of(batch: list[Entry]) -> str:
    """The request's body, as MLflow's client writes it."""
    metrics = [
        {"key": entry.key, "value": entry.value, "timestamp": entry.timestamp_ms, "step": 0}
        for entry in batch
        if isinstance(entry, MetricPoint)
    ]
    params = [asdict(entry) for entry in batch if isinstance(entry, ParamText)]
    return json.dumps({"run_id": "0" * 32, "metrics": metrics, "params": params})


def is_legal(key: str) -> bool:
    return (
        0 < len(key) <= 250
        and bool(re.fullmatch(r"[/\w.\- :]*", key))
        and posixpath.normpath(key) == key
        and key != "."
        and not key.startswith(("/", ".."))
    )


def test_a_metric_becomes_a_point_at_the_time_of_the_save() -> None:
    assert [asdict(point) for point in content(results={"a": {"b": 0.5}}).points] == [
        {"key": "a/b", "value": 0.5, "timestamp_ms": AT_MS}
    ]


def test_nan_stays_nan() -> None:
    assert math.isnan(content(results={"odds": math.nan}).points[0].value)


def test_an_infinite_metric_is_named_as_adjusted() -> None:
    assert content(results={"a": {"b": math.inf}}).adjusted == ("metric a/b: inf can't be held",)


def test_the_identifiers_are_parameters() -> None:
    assert content().params == {
        "test_id": "test-1",
        "model_id": "model-1",
        "test_type": "ml_bias",
        "dataset_id": "dataset-1",
        "user_id": "user-1",
    }


@pytest.mark.parametrize(
    ("value", "text"), [("é", "é"), (1, "1"), (0.5, "0.5"), (True, "True"), (2**70, str(2**70))]
)
def test_a_scalar_of_the_metadata_goes_as_its_text(value: Json, text: str) -> None:
    assert content(metadata={"a": value}).params["a"] == text


@pytest.mark.parametrize("value", [{"depth": [1, None]}, [1, 2], {}])
def test_nested_metadata_goes_as_json_text(value: Json) -> None:
    assert json.loads(content(metadata={"a": value}).params["a"]) == value


def test_metadata_named_like_an_identifier_goes_beside_it() -> None:
    params = content(metadata={"user_id": "other"}).params
    assert (params["user_id"], params["metadata/user_id"]) == ("user-1", "other")


def test_the_tags_find_and_describe_the_run() -> None:
    results: dict[str, Json] = {
        "overall_bias_detected": True,
        "overall_risk": "low",
        "summary": "s",
    }
    assert content(results=results).tags == {
        "fairmind.delivery_key": "0" * 32,
        "test_type": "ml_bias",
        "model_id": "model-1",
        "project": "an-experiment",
        "verdict": "failed",
        "overall_bias_detected": "true",
        "risk_level": "low",
        "summary": "s",
        "mlflow.user": "user-1",
        "mlflow.source.name": "fairmind-sync",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": (
            "Bias test **model-1 - ml_bias - test-1** of model **model-1**\n"
            "- verdict: failed\n- overall bias detected: true\n- risk level: low\n- summary: s"
        ),
    }


def test_a_run_without_a_user_names_none() -> None:
    assert "mlflow.user" not in content(user_id="").tags


def test_the_run_is_named_by_model_test_type_and_test_id() -> None:
    assert content(test_type="llm", test_id="t-9").name == "model-1 - llm - t-9"


def test_a_result_that_fits_is_not_adjusted() -> None:
    assert content(results={"a": 1, "summary": "s"}, metadata={"b": [1], "c": "é"}).adjusted == ()


def test_a_parameter_of_6000_characters_stays_whole() -> None:
    assert content(metadata={"a": "é" * 6_000}).params["a"] == "é" * 6_000


def test_a_longer_parameter_keeps_its_beginning() -> None:
    assert re.fullmatch(r"a{5987}-[0-9a-f]{12}", content(metadata={"a": "a" * 6_001}).params["a"])


def test_a_shortened_parameter_is_named_as_adjusted() -> None:
    adjusted = content(metadata={"a": "a" * 6_001}).adjusted
    assert adjusted == ("parameter a is shortened from 6001 characters",)


def test_a_tag_of_8000_characters_stays_whole() -> None:
    assert content(results={"summary": "a" * 8_000}).tags["summary"] == "a" * 8_000


def test_a_longer_tag_keeps_its_beginning() -> None:
    tag = content(results={"summary": "a" * 8_001}).tags["summary"]
    assert re.fullmatch(r"a{7987}-[0-9a-f]{12}", tag)


def test_a_shortened_tag_is_named_as_adjusted() -> None:
    adjusted = content(results={"summary": "a" * 8_001}).adjusted
    assert "tag summary is shortened from 8001 characters" in adjusted


def test_a_run_name_over_250_characters_is_named_as_adjusted() -> None:
    long = content(test_id="a" * 300)
    assert (len(long.name), long.adjusted) == (250, ("run name is shortened from 320 characters",))


@pytest.mark.parametrize("text", ["a\0", "\ud800"], ids=["nul", "surrogate"])
def test_a_replaced_character_of_a_parameter_is_named_as_adjusted(text: str) -> None:
    adjusted = content(metadata={"a": text}).adjusted
    assert adjusted == ("parameter a holds characters that databases refuse; they are replaced",)


def test_a_replaced_character_of_a_tag_is_named_as_adjusted() -> None:
    adjusted = content(results={"summary": "a\0"}).adjusted
    assert "tag summary holds characters that databases refuse; they are replaced" in adjusted


@pytest.mark.parametrize("changes", [{"results": {"k" * 251: 1}}, {"metadata": {"k" * 251: 1}}])
def test_a_shortened_key_is_named_as_adjusted(changes: dict[str, Json]) -> None:
    assert any("k" * 200 in note for note in content(**changes).adjusted)


@given(objects, objects)
@for_all
def test_every_key_is_legal(results: dict[str, Json], metadata: dict[str, Json]) -> None:
    made = content(results=results, metadata=metadata)
    assert all(map(is_legal, [*made.params, *made.tags, *(point.key for point in made.points)]))


@given(objects)
@for_all
def test_no_metric_is_lost_to_another_ones_key(results: dict[str, Json]) -> None:
    keys = [point.key for point in content(results=results).points]
    assert len(keys) == len(set(keys))


@given(objects)
@for_all
def test_no_parameter_is_lost_to_another_ones_key(metadata: dict[str, Json]) -> None:
    kept = sum(value is not None for value in metadata.values())
    assert len(content(metadata=metadata).params) == 5 + kept


@given(any_text | st.integers(5_990, 6_010).map("a\0".__mul__))
@for_all
def test_every_text_that_goes_is_short_enough_and_storable(text: str) -> None:
    made = content(metadata={"a": text}, results={"summary": text})
    assert all(
        len(sent) <= longest and storable(sent) == sent
        for longest, texts in ((6_000, made.params), (8_000, made.tags))
        for sent in texts.values()
    )


@given(objects, objects)
@for_all
def test_the_same_delivery_has_the_same_content(
    results: dict[str, Json], metadata: dict[str, Json]
) -> None:
    made = content(results=results, metadata=metadata)
    assert repr(made) == repr(content(results=results, metadata=metadata))


def points_in(batch: list[Entry]) -> list[MetricPoint]:
    return [entry for entry in batch if isinstance(entry, MetricPoint)]


def params_in(batch: list[Entry]) -> list[ParamText]:
    return [entry for entry in batch if isinstance(entry, ParamText)]


@at_the_limit
def test_the_batches_hold_every_point_in_order(changes: dict[str, Json]) -> None:
    made = content(**changes)
    assert [point for batch in made.batches() for point in points_in(batch)] == made.points


@at_the_limit
def test_the_batches_hold_every_parameter_once(changes: dict[str, Json]) -> None:
    made = content(**changes)
    sent = [(param.key, param.value) for batch in made.batches() for param in params_in(batch)]
    assert sent == list(made.params.items())


@at_the_limit
def test_a_batch_holds_at_most_1000_entries(changes: dict[str, Json]) -> None:
    assert all(0 < len(batch) <= 1_000 for batch in content(**changes).batches())


@at_the_limit
def test_a_batch_holds_at_most_100_parameters(changes: dict[str, Json]) -> None:
    assert max(len(params_in(batch)) for batch in content(**changes).batches()) <= 100


@at_the_limit
def test_a_batch_is_under_a_million_bytes(changes: dict[str, Json]) -> None:
    assert max(len(body_of(batch)) for batch in content(**changes).batches()) < MOST_BYTES


def test_a_small_result_goes_in_one_batch() -> None:
    assert len(list(content().batches())) == 1


def test_what_the_run_has_already_is_not_sent_again() -> None:
    made = content(results={"a": 1.0, "b": 2.0})
    stored = StoredRun(
        tags=dict.fromkeys(made.tags, ""), params=frozenset(made.params), metrics=frozenset({"a"})
    )
    assert list(made.batches(stored)) == [[MetricPoint("b", 2.0, AT_MS)]]


def test_a_run_that_has_everything_is_sent_nothing() -> None:
    made = content(results={"a": 1.0})
    stored = StoredRun(
        tags=dict.fromkeys(made.tags, ""), params=frozenset(made.params), metrics=frozenset({"a"})
    )
    assert list(made.batches(stored)) == []


def test_what_is_not_sent_as_it_was_saved_is_told_by_a_tag() -> None:
    tags = content(results={"a?": 1.0, "b": math.inf}).tags
    assert "metric b: inf can't be held" in tags["fairmind.adjusted"]
    assert "key 'a?' is sent as 'a'" in tags["fairmind.adjusted"]


def test_a_run_that_is_sent_as_it_was_saved_has_no_such_tag() -> None:
    assert "fairmind.adjusted" not in content(results={"a": 1.0}).tags
