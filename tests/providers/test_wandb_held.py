"""What W&B tells of a run is compared with what we sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairmind_sync.providers.wandb.content import PROOF, WandbContent, content_of
from fairmind_sync.providers.wandb.held import Held, held
from fairmind_sync.results.delivery import Run
from tests.support.values import delivery

CONTENT = content_of(delivery(), "a-project")


def told(**changes: Any) -> Held:
    """Of a run that is as we sent it, but for the changes."""
    config = {key: {"value": value} for key, value in CONTENT.config.items()}
    node = {
        "name": "r",
        "state": "finished",
        "historyLineCount": 1,
        "summaryMetrics": json.dumps(CONTENT.summary),
        "config": json.dumps({"_wandb": {"value": {}}, **config, **changes.pop("config", {})}),
        "tags": list(reversed(CONTENT.tags)),
        "group": CONTENT.group,
        "jobType": CONTENT.job_type,
        "sweepName": None,
        "notes": CONTENT.description,
    }
    return held(node | changes, Run("r", None), "e/p")


def compared(run: Held, content: WandbContent = CONTENT) -> tuple[bool, str, str]:
    return run.is_complete(content), run.shaped_by(content), run.differs_by(content)


def test_a_run_as_we_sent_it_is_complete_and_ours() -> None:
    assert compared(told()) == (True, "", "")


@pytest.mark.parametrize("odd", ["[1]", "1", "no json", None, "[" * 100_000])
def test_what_is_no_object_holds_nothing(odd: object) -> None:
    found = held({"state": "finished", "config": odd, "summaryMetrics": odd}, Run("r", None), "e/p")
    assert (found.config, found.digest, found.content) == ({}, "", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "running"},
        {"historyLineCount": 0},
        {"historyLineCount": None},
        {"summaryMetrics": "{}"},
        {"summaryMetrics": "no JSON"},
        {"summaryMetrics": json.dumps({PROOF: "edited"})},
        {"summaryMetrics": "[" * 100_000},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_what_lacks_is_not_complete(changes: dict[str, Any]) -> None:
    assert not told(**changes).is_complete(CONTENT)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"group": "g"}, "group 'g'"),
        ({"jobType": "j", "sweepName": "s"}, "job type 'j', sweep 's'"),
        ({"config": {"theirs": {"value": 1}}}, "config 'theirs'"),
    ],
)
def test_what_shapes_a_run_is_named(changes: dict[str, Any], words: str) -> None:
    assert told(**changes).shaped_by(CONTENT) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"notes": "n"}, "notes 'n'"),
        ({"tags": [*CONTENT.tags, "theirs"]}, "tag 'theirs'"),
        ({"tags": CONTENT.tags[1:]}, f"no tag {CONTENT.tags[0]!r}"),
        ({"config": {"test_type": {"value": "another"}}}, "config 'test_type' is \"another\""),
        ({"config": {"test_type": {}}}, "config 'test_type' is null"),
    ],
)
def test_what_else_differs_is_named_and_shapes_nothing(changes: dict[str, Any], words: str) -> None:
    assert compared(told(**changes)) == (True, "", words)


def test_a_number_that_w_and_b_writes_otherwise_is_the_same() -> None:
    asked = content_of(delivery(metadata={"a": 1.0, "b": {"c": [2]}}), "a-project")
    theirs = {"a": {"value": 1}, "b": {"value": {"c": [2.0]}}}
    run = told(summaryMetrics=json.dumps(asked.summary), config=theirs)
    assert compared(run, asked) == (True, "", "")


def test_a_key_that_w_and_b_writes_otherwise_shapes_nothing() -> None:
    asked = content_of(delivery(metadata={"a key": 1}), "a-project")
    run = told(summaryMetrics=json.dumps(asked.summary), config={"a_key": {"value": 1}})
    assert compared(run, asked) == (True, "", "no config 'a key'")


def test_files_and_digests_are_told() -> None:
    edges = [{"node": {"name": "a.csv", "md5": "x"}}, {"node": {"name": "b.csv", "md5": None}}]
    proof = {PROOF: {"digest": "d", "content": "c"}}
    run = told(files={"edges": edges}, summaryMetrics=json.dumps(proof))
    assert (run.files, run.digest, run.content) == ({"a.csv": "x", "b.csv": ""}, "d", "c")
    assert (run.run, run.destination) == (Run("r", None), "e/p")


@pytest.mark.parametrize("files", [None, "odd", {}, {"edges": None}])
def test_files_that_make_no_sense_are_none(files: Any) -> None:
    assert told(files=files).files == {}


def test_a_summary_without_digests_has_none() -> None:
    run = told(summaryMetrics=json.dumps({PROOF: {}}), notes=None, tags=None)
    assert (run.digest, run.content, run.notes, run.tags) == ("", "", "", frozenset())
    assert told(summaryMetrics=json.dumps({PROOF: "edited"})).digest == ""


def test_a_config_need_not_be_wrapped() -> None:
    assert told(config={"plain": 7}).config["plain"] == 7
    assert told(config={}).config == CONTENT.config


def test_all_that_shapes_a_run_is_told_up_to_five() -> None:
    shaped = told(group="theirs", config={key: {"value": 1} for key in "fedcba"})
    assert shaped.shaped_by(CONTENT) == (
        "group 'theirs', config 'a', config 'b', config 'c', config 'd'"
    )


def test_all_that_a_run_differs_by_is_told() -> None:
    edited = told(notes="mine", tags=[*CONTENT.tags, "b", "a"])
    assert edited.differs_by(CONTENT) == "notes 'mine', tag 'a', tag 'b'"
