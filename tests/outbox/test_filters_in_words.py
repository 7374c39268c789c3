"""What a filter of deliveries says in words, and how a list is read on from a delivery."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox.delivery_lookup import RunFilter, in_parts, run_url
from tests.support.clock import NOW
from tests.support.deliveries import RUN, delivered, save


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "all deliveries"),
        ({"status": "dead", "provider": "mlflow"}, "dead deliveries at mlflow"),
        ({"test_id": "T", "model_id": "M"}, "all deliveries of test T of model M"),
        ({"user_id": "U", "test_type": "bias"}, "all deliveries of user U of type bias"),
        ({"risk": "high", "search": "Ab"}, "all deliveries of risk high with an id like Ab"),
        (
            {"error_kind": "rejected", "error": "its words"},
            "all deliveries whose error is of kind rejected and has “its words”",
        ),
        (
            {"since": NOW, "until": NOW},
            "all deliveries since 2026-03-04 05:06 UTC until 2026-03-04 05:06 UTC",
        ),
    ],
)
def test_a_filter_says_what_it_lets_through(chosen: dict[str, Any], words: str) -> None:
    assert RunFilter(**chosen).in_words() == words


@pytest.mark.parametrize(
    ("oldest_first", "ids"), [(False, [5, 4, 3, 2, 1]), (True, [1, 2, 3, 4, 5])]
)
def test_a_list_that_is_read_in_parts_is_whole_and_in_order(
    engine: Engine, oldest_first: bool, ids: list[int]
) -> None:
    for _ in ids:
        save(engine, "mlflow")
    parts = in_parts(engine, RunFilter(is_oldest_first=oldest_first), 2)
    assert [one.id for one in parts] == ids


def test_a_runs_url_is_the_one_that_was_recorded(engine: Engine) -> None:
    delivered(engine)
    assert run_url(engine, "mlflow", RUN.id) == RUN.url
    assert run_url(engine, "mlflow", "nobody's") is None
    assert run_url(engine, "wandb", RUN.id) is None
