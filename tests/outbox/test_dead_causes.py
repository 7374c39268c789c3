"""Dead deliveries by cause: what counts as one cause, and which comes first."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import outcomes
from fairmind_sync.outbox.dead_causes import DeadCause, dead_causes
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import claim, delivered, save

REJECTED, TOO_LARGE = ErrorKind.REJECTED, ErrorKind.TOO_LARGE


def die(engine: Engine, number: int, error: str, kind: ErrorKind = REJECTED) -> None:
    save(engine, "mlflow", test_id=f"t{number}")
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, kind, error, NOW)


def causes(engine: Engine) -> list[DeadCause]:
    with reading(engine) as connection:
        return dead_causes(connection)


@pytest.mark.both_databases
def test_errors_that_begin_alike_are_one_cause_and_the_most_come_first(engine: Engine) -> None:
    die(engine, 1, "the experiment 'ann' is deleted")
    die(engine, 2, "a parameter of 7000 characters is too long")
    die(engine, 3, "a parameter of 6001 characters is too long")
    assert causes(engine) == [
        DeadCause("mlflow", "rejected", "a parameter of", 2),
        DeadCause("mlflow", "rejected", "the experiment", 1),
    ]


def test_a_cause_finds_its_deliveries(engine: Engine) -> None:
    die(engine, 1, "the experiment 'ann' is deleted")
    die(engine, 2, "a parameter of 7000 characters is too long")
    for cause in causes(engine):
        wanted = RunFilter(status="dead", error_kind=cause.error_kind, error=cause.error)
        assert len(find(engine, wanted)) == cause.count


def test_errors_that_begin_with_what_varies_are_told_apart_by_their_kind(engine: Engine) -> None:
    die(engine, 1, "404 not found")
    die(engine, 2, "500 at the end", TOO_LARGE)
    assert {(one.error_kind, one.error) for one in causes(engine)} == {
        (REJECTED.value, ""),
        (TOO_LARGE.value, ""),
    }


def test_a_cause_ends_with_a_word(engine: Engine) -> None:
    die(engine, 1, "the server refuses our credentials (403): forbidden")
    assert [one.error for one in causes(engine)] == ["the server refuses our credentials"]


def test_only_the_first_line_counts(engine: Engine) -> None:
    die(engine, 1, "the server refused\nsee its log")
    assert [one.error for one in causes(engine)] == ["the server refused"]


def test_what_is_not_dead_has_no_cause(engine: Engine) -> None:
    delivered(engine)
    assert causes(engine) == []
