"""The whole content of one run at each provider, and where a batch of MLflow's ends."""

from __future__ import annotations

import math
from typing import cast

import pytest

from fairmind_sync.providers.mlflow import content as of_mlflow
from fairmind_sync.providers.mlflow.content import MlflowContent
from fairmind_sync.providers.mlflow.runs_api import Entry, MetricPoint, ParamText, TagText
from fairmind_sync.providers.wandb import content as of_wandb
from fairmind_sync.providers.wandb.content import PROOF
from fairmind_sync.results import plain_json
from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.name_choice import Names
from tests.support.values import SAVED_AT, delivery

PAGE = "https://status/result?test_id=test-1"
MADE = delivery(
    model_id="m" * 130,
    test_type="t" * 130,
    results={"accuracy": 0.5, "b": math.inf, "summary": "a\0", "bias_detected": True},
    metadata={"k": {"n": math.nan}},
)
SHORT = {letter: f"{letter * 115}-" for letter in "mt"}


def test_what_w_and_b_is_sent_names_each_change() -> None:
    sent = of_wandb.content_of(
        MADE, "a-project", pages="https://status", evidence="none", marks_content=True
    )
    assert (sent.group[:116], sent.job_type[:116]) == (SHORT["m"], SHORT["t"])
    assert sent.description.endswith(f"- [revisions, deliveries and report]({PAGE})")
    proof = {"digest": sent.digest, "saved_at": SAVED_AT.isoformat()}
    assert sent.summary[PROOF] == proof | {"content": content_digest(MADE.result)}
    assert sent.row == {"accuracy": 0.5, "bias_detected": 1.0, "_timestamp": SAVED_AT.timestamp()}
    changed = "holds values that W&B would change; they are sent as text"
    assert [note.partition(" '")[0] for note in sent.adjusted] == [
        "metric b: inf can't be held",
        f"k {changed}",
        f"summary {changed}",
        "tag",
        "tag",
        "run name",
        "group",
        "job type",
    ]


def test_without_a_page_w_and_bs_description_has_no_link() -> None:
    sent = of_wandb.content_of(MADE, "a-project", evidence="none")
    assert ("revisions" in sent.description, "content" in sent.summary[PROOF]) == (False, False)


@pytest.mark.parametrize("largest", ["LARGEST_ROW", "LARGEST_CONFIG"])
def test_what_has_the_largest_size_is_taken(monkeypatch: pytest.MonkeyPatch, largest: str) -> None:
    sent = of_wandb.content_of(delivery(), "p", evidence="none")
    part = sent.summary if largest == "LARGEST_ROW" else sent.config
    size = len(plain_json.dumps(part))
    told = []
    for most in (size, size - 1):
        monkeypatch.setattr(of_wandb, largest, most)
        told.append(sent.is_too_large())
    assert told == [False, True]


def test_names_are_chosen_by_the_setting() -> None:
    one = delivery(results={"rows": [{"group": "a", "rate": 0.5}, {"group": "b", "rate": 0.7}]})
    for names, keys in {1: ["rows/0/rate", "rows/1/rate"], 2: ["rate/a", "rate/b"]}.items():
        chosen = cast("Names", names)
        points = of_mlflow.content_of(one, "p", names=chosen).points
        row = of_wandb.content_of(one, "p", names=chosen, evidence="none").row
        assert [point.key for point in points] == keys
        assert [*row] == [*keys, "_timestamp"]


def test_what_mlflow_is_sent_names_each_change() -> None:
    sent = of_mlflow.content_of(MADE, "a-project", pages="https://status")
    assert sent.tags["fairmind.adjusted"] == "; ".join(sent.adjusted)
    assert sent.adjusted == (
        "metric b: inf can't be held",
        "tag summary holds characters that databases refuse; they are replaced",
        "tag mlflow.note.content holds characters that databases refuse; they are replaced",
        "run name is shortened from 272 characters",
    )
    assert sent.tags["mlflow.note.content"].endswith(f"]({PAGE})")


def content(tags: int = 0, params: int = 0, points: int = 0, size: int = 1) -> MlflowContent:
    """A content of so many entries, whose texts have `size` characters."""
    return MlflowContent(
        name="n",
        started_at=SAVED_AT,
        tags={f"t{number:04}": "x" * size for number in range(tags)},
        params={f"p{number:04}": "x" * size for number in range(params)},
        points=[MetricPoint(f"m{number:04}", 0.5, 1) for number in range(points)],
        adjusted=(),
    )


def sizes(made: MlflowContent) -> list[int]:
    return [len(batch) for batch in made.batches()]


@pytest.mark.parametrize(
    ("made", "batches"),
    [
        (content(points=900), [900]),
        (content(points=901), [900, 1]),
        (content(points=1801), [900, 900, 1]),
        (content(tags=100), [100]),
        (content(tags=60, params=41, points=3), [100, 4]),
        (content(params=201), [100, 100, 1]),
    ],
)
def test_a_batch_is_filled_to_the_limit(made: MlflowContent, batches: list[int]) -> None:
    assert sizes(made) == batches


def size_of(entry: Entry) -> int:
    return of_mlflow._size(entry)


def test_an_entry_counts_with_its_key_and_its_text() -> None:
    entries: list[Entry] = [MetricPoint("k", 0.123456789, 1), ParamText("k", "é"), TagText("k", "")]
    assert [size_of(entry) for entry in entries] == [103, 111, 105]


def test_a_batch_is_filled_to_the_most_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = content(params=4, size=50)
    one = size_of(ParamText("p0000", "x" * 50))
    told = []
    for most in (2 * one, 2 * one - 1, 1):
        monkeypatch.setattr(of_mlflow, "MOST_BYTES", most)
        told.append(sizes(made))
    assert told == [[2, 2], [1, 1, 1, 1], [1, 1, 1, 1]]


@pytest.mark.parametrize(("length", "notes"), [(250, 0), (251, 1)])
def test_a_name_is_shortened_beyond_the_limit_alone(length: int, notes: int) -> None:
    around = len(" - ml_bias - test-1")
    sent = of_mlflow.content_of(delivery(model_id="m" * (length - around)), "p")
    assert (len(sent.name), len(sent.adjusted)) == (250, notes)
