"""Runs whose delivery keys were lost with a database: found by their content, where that is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.testing import new_result
from tests.providers.subjects import (
    FakeSubject,
    FindingSubject,
    mlflow_subject,
    new_deliveries,
    wandb_subject,
)
from tests.providers.transcript import Call
from tests.support.values import delivery

SUBJECTS = ["fake", *(pytest.param(name, marks=pytest.mark.system) for name in ("mlflow", "wandb"))]

NAMES = ("test_id", "user_id", "model_id", "dataset_id", "test_type")


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FindingSubject]:
    with ExitStack() as stack:
        if request.param == "mlflow":
            uri = request.getfixturevalue("mlflow_uri")
            yield stack.enter_context(mlflow_subject(uri, tmp_path))
        elif request.param == "wandb":
            yield stack.enter_context(wandb_subject(tmp_path))
        else:
            yield FakeSubject()


def saved_again(one: Delivery) -> Delivery:
    """In a new database: another key, another time, another revision."""
    later = replace(one.result, revision=7, created_at=one.result.created_at.replace(year=2031))
    return replace(one, key=uuid4().hex, result=later)


def test_the_same_content_has_one_run_where_lost_runs_are_looked_for(
    subject: FindingSubject,
) -> None:
    subject.find_lost_runs()
    (one,) = new_deliveries(subject.name, [0.5])
    other = replace(one, result=replace(one.result, results={"accuracy": 0.75}), key=uuid4().hex)
    ((_, before),) = subject.call(Call([one])).delivered()
    again, elsewhere = saved_again(one), other
    seen = dict(subject.call(Call([again, elsewhere])).delivered())
    assert seen[again.key].run == before.run
    assert sorted(held.value or 0 for runs in subject.held().values() for held in runs) == [
        0.5,
        0.75,
    ]


def test_without_being_asked_nobody_looks(subject: FindingSubject) -> None:
    (one,) = new_deliveries(subject.name, [0.5])
    subject.call(Call([one]))
    subject.call(Call([saved_again(one)]))
    assert len(subject.held()) == 2


def test_the_digest_is_that_of_the_save() -> None:
    new = new_result(test_id="t")
    payload = {"results": json.loads(new.results), "metadata": json.loads(new.metadata)}
    names = {name: getattr(new, name) for name in NAMES}
    saved = replace(delivery().result, **names, **payload)
    assert content_digest(saved) == new.digest


@pytest.mark.parametrize(
    "changes", [{"user_id": "u"}, {"model_id": "m2"}, {"results": {}}, {"metadata": {"a": 1}}]
)
def test_other_content_has_another_digest(changes: dict[str, object]) -> None:
    one = delivery(test_id="t").result
    assert content_digest(replace(one, **changes)) != content_digest(one)  # type: ignore[arg-type]
