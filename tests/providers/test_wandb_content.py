"""What a delivery sends to W&B: within its limits, and nothing changed in silence."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairmind_sync.providers.wandb.content import LARGEST_ROW, PROOF, WandbContent, content_of
from fairmind_sync.results.plain_json import Json
from fairmind_sync.text import storable
from tests.support.values import SAVED_AT, any_text, delivery, for_all, objects

IDENTIFIERS = {
    "test_id": "test-1",
    "model_id": "model-1",
    "test_type": "ml_bias",
    "dataset_id": "dataset-1",
    "user_id": "user-1",
}


def content(*, project: str = "a-project", **changes: Any) -> WandbContent:
    """Without evidence, which has tests of its own."""
    return content_of(delivery(**changes), project, evidence="none")


def scalars(value: Json) -> list[Json]:
    """All that a nested value holds, keys included."""
    if isinstance(value, dict):
        return [*value, *(inner for item in value.values() for inner in scalars(item))]
    if isinstance(value, list):
        return [inner for item in value for inner in scalars(item)]
    return [value]


def test_the_metrics_are_one_history_row_at_the_time_of_the_save() -> None:
    assert content(results={"a": {"b": 0.5}, "c": [1, 3]}).row == {
        "a/b": 0.5,
        "c/mean": 2.0,
        "c/min": 1.0,
        "c/max": 3.0,
        "_timestamp": SAVED_AT.timestamp(),
    }


def test_a_result_without_metrics_has_no_history_row() -> None:
    assert content(results={"summary": "nothing measured"}).row == {}


def test_nan_stays_nan_in_the_history() -> None:
    assert math.isnan(content(results={"odds": math.nan}).row["odds"])


def test_an_infinite_metric_is_named_as_adjusted() -> None:
    assert content(results={"a": {"b": math.inf}}).adjusted == ("metric a/b: inf can't be held",)


def test_the_identifiers_are_in_the_config() -> None:
    assert content().config == IDENTIFIERS


@pytest.mark.parametrize("value", ["é", 1, 0.5, True, False, {"a": [1, None, {"b": "c"}]}, []])
def test_metadata_is_in_the_config_as_it_is(value: Json) -> None:
    assert repr(content(metadata={"a": value}).config["a"]) == repr(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (2**63, str(2**63)),
        (-(2**63) - 1, str(-(2**63) - 1)),
    ],
)
def test_what_a_config_would_spoil_goes_as_text(value: Json, text: str) -> None:
    assert content(metadata={"a": value}).config["a"] == text


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (-math.inf, "-Infinity"), (2**63, str(2**63))]
)
def test_what_a_config_would_spoil_goes_as_text_when_nested(value: Json, text: str) -> None:
    assert content(metadata={"a": {"b": [value]}}).config["a"] == {"b": [text]}


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_the_largest_integers_that_fit_stay_integers(value: int) -> None:
    assert content(metadata={"a": value}).config["a"] == value


def test_metadata_named_like_an_identifier_goes_beside_it() -> None:
    config = content(metadata={"user_id": "other"}).config
    assert (config["user_id"], config["metadata/user_id"]) == ("user-1", "other")


def test_the_tags_are_test_type_model_and_project() -> None:
    assert content().tags == ["ml_bias", "model-1", "a-project"]


def test_a_tag_is_there_once() -> None:
    assert content(model_id="same", project="same").tags == ["ml_bias", "same"]


def test_the_run_is_named_by_model_test_type_and_test_id() -> None:
    assert content(test_type="llm", test_id="t-9").name == "model-1 - llm - t-9"


def test_the_summary_holds_the_verdict_and_the_proof() -> None:
    made = content(results={"overall_bias_detected": True, "overall_risk": "low", "summary": "s"})
    assert made.summary == {
        "verdict": "failed",
        "risk_level": "low",
        "summary": "s",
        PROOF: {"digest": made.digest, "saved_at": "2026-01-02T03:04:05.678000+00:00"},
    }


def test_what_is_in_the_row_is_not_sent_as_summary_again() -> None:
    made = content(results={"overall_bias_detected": True})
    assert (made.row["overall_bias_detected"], {*made.summary}) == (1.0, {"verdict", PROOF})


def test_a_result_that_fits_is_not_adjusted() -> None:
    assert content(results={"a": 1, "summary": "s"}, metadata={"b": [1], "c": "é"}).adjusted == ()


def test_a_tag_of_64_characters_stays_whole() -> None:
    assert content(model_id="a" * 64).tags[1] == "a" * 64


def test_a_longer_tag_keeps_its_beginning() -> None:
    assert re.fullmatch(r"a{51}-[0-9a-f]{12}", content(model_id="a" * 65).tags[1])


def test_a_shortened_tag_is_named_as_adjusted() -> None:
    made = content(model_id="a" * 65)
    assert made.adjusted == (f"tag {'a' * 65!r} is sent as {made.tags[1]!r}",)


def test_a_model_id_too_long_for_a_tag_is_whole_in_the_config() -> None:
    assert content(model_id="a" * 500).config["model_id"] == "a" * 500


def test_a_run_name_of_128_characters_stays_whole() -> None:
    assert content(test_id="a" * 108).name == "model-1 - ml_bias - " + "a" * 108


def test_a_longer_run_name_keeps_its_beginning() -> None:
    assert re.fullmatch(r"model-1 - ml_bias - a{95}-[0-9a-f]{12}", content(test_id="a" * 109).name)


def test_a_shortened_run_name_is_named_as_adjusted() -> None:
    made = content(test_id="a" * 109)
    whole = "model-1 - ml_bias - " + "a" * 109
    assert made.adjusted == (f"run name {whole!r} is sent as {made.name!r}",)


@pytest.mark.parametrize("changes", [{"results": {"k" * 251: 1}}, {"metadata": {"k" * 251: 1}}])
def test_a_shortened_key_is_named_as_adjusted(changes: dict[str, Any]) -> None:
    assert any("k" * 200 in note for note in content(**changes).adjusted)


@pytest.mark.parametrize("value", ["a\0", "\ud800", {"b": ["a\0"]}, {"a\0": 1}], ids=repr)
def test_a_replaced_character_of_the_config_is_named_as_adjusted(value: Json) -> None:
    assert content(metadata={"the-key": value}).adjusted != ()


def test_a_replaced_character_of_the_summary_is_named_as_adjusted() -> None:
    assert content(results={"summary": "a\0"}).adjusted != ()


def test_two_nested_keys_that_differ_in_a_replaced_character_both_go() -> None:
    nested = content(metadata={"a": {"b\0": 1, "b\ufffd": 2}}).config["a"]
    assert isinstance(nested, dict)
    assert sorted(map(str, nested.values())) == ["1", "2"]


@given(any_text)
@for_all
def test_all_text_of_the_summary_is_storable(text: str) -> None:
    summary = content(results={"summary": {text: [text]}, "risk_level": text}).summary
    assert all(storable(held) == held for held in scalars(summary) if isinstance(held, str))


@given(objects)
@for_all
def test_all_text_of_the_config_is_storable(metadata: dict[str, Json]) -> None:
    config = content(metadata=metadata).config
    assert all(storable(held) == held for held in scalars(config) if isinstance(held, str))


@given(objects)
@for_all
def test_every_number_of_the_config_survives_the_service(metadata: dict[str, Json]) -> None:
    held = scalars(content(metadata=metadata).config)
    assert all(
        math.isfinite(number) and (isinstance(number, float) or -(2**63) <= number < 2**63)
        for number in held
        if isinstance(number, int | float)
    )


@given(objects, objects)
@for_all
def test_every_key_is_legal(results: dict[str, Json], metadata: dict[str, Json]) -> None:
    made = content(results=results, metadata=metadata)
    keys = {*made.config, *made.row} - {"_timestamp"}
    legal = re.compile(r"(?!_)[\w.\- :]+(/(?!_)[\w.\- :]+)*")
    assert all(legal.fullmatch(key) and len(key) <= 250 for key in keys)


@given(objects)
@for_all
def test_no_parameter_is_lost_to_another_ones_key(metadata: dict[str, Json]) -> None:
    kept = sum(value is not None for value in metadata.values())
    assert len(content(metadata=metadata).config) == len(IDENTIFIERS) + kept


def test_a_metric_called_timestamp_does_not_replace_the_time() -> None:
    assert content(results={"_timestamp": 1.0}).row["_timestamp"] == SAVED_AT.timestamp()


def test_no_metric_takes_the_place_of_the_proof() -> None:
    assert PROOF not in content(results={PROOF: 0.5}).row


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
@for_all
def test_names_and_tags_fit(test_id: str, model_id: str) -> None:
    made = content(test_id=test_id, model_id=model_id)
    assert len(made.name) <= 128
    assert all(1 <= len(tag) <= 64 for tag in made.tags)


@given(objects, objects)
@for_all
def test_the_same_delivery_has_the_same_content(
    results: dict[str, Json], metadata: dict[str, Json]
) -> None:
    made = content(results=results, metadata=metadata)
    assert repr(made) == repr(content(results=results, metadata=metadata))


@pytest.mark.parametrize(
    "changes",
    [
        {"results": {"accuracy": 0.86}},
        {"results": {"accuracy": 0.85, "summary": "s"}},
        {"metadata": {"a": 1}},
        {"model_id": "model-2"},
        {"test_id": "test-2"},
        {"project": "another"},
    ],
    ids=repr,
)
def test_other_content_has_another_digest(changes: dict[str, Any]) -> None:
    assert content(**changes).digest != content().digest


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    one, other = content(results={"a": 1, "b": 2}), content(results={"b": 2, "a": 1})
    assert one.digest == other.digest


def test_what_is_in_the_summary_as_proof_is_the_digest() -> None:
    made = content(created_at=SAVED_AT + timedelta(days=1))
    assert made.summary[PROOF]["digest"] == made.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "a" * LARGEST_ROW},
        {f"{number:05}" + "年" * 240: 1 for number in range(7_000)},
    ],
    ids=["summary", "row"],
)
def test_what_wandb_would_drop_without_a_word_is_too_large(changes: dict[str, Json]) -> None:
    assert content(results=changes).is_too_large()


def test_what_wandb_takes_is_not_too_large() -> None:
    assert not content(results={"summary": "a" * (LARGEST_ROW - 1_000)}).is_too_large()


def test_the_config_reads_back_as_it_was() -> None:
    config = content(metadata={"a": {"b": [1, "é", None]}}).config
    assert json.loads(json.dumps(config)) == config
