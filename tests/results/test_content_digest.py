"""The digest by which a result is found again: of what it says, and of nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.plain_json import digest
from tests.support.values import SAVED_AT, saved_result


def test_the_digest_is_that_of_the_names_and_the_payload() -> None:
    result = saved_result(results={"b": 1, "a": 2}, metadata={"c": None})
    names = ["test-1", "user-1", "model-1", "dataset-1", "ml_bias"]
    assert content_digest(result) == digest([*names, {"a": 2, "b": 1}, {"c": None}])


@pytest.mark.parametrize(
    "changes", [{"revision": 2}, {"created_at": SAVED_AT + timedelta(1)}], ids=str
)
def test_when_and_how_often_it_was_saved_is_no_content(changes: dict[str, Any]) -> None:
    assert content_digest(saved_result(**changes)) == content_digest(saved_result())
