"""Dead deliveries by cause: what counts as one cause, and which comes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, literal, select

from fairmind_sync.outbox import outcomes
from fairmind_sync.outbox.dead_causes import DeadCause, dead_causes
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.outbox.erased_words import erase_words
from fairmind_sync.results.error_causes import cause_in
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.cause_function import cause_of
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import results_table
from tests.support.clock import NOW
from tests.support.deliveries import claim, delivered, save
from tests.support.values import for_all

_PIECES = [
    "'",
    "'a'",
    '"',
    "\u2018",
    "\u2019",
    "\u201c",
    "\u201d",
    " ",
    "a",
    "é",
    "9",
    ".",
    "-",
    "[",
    "\n",
    "\\",
    "…",
]


def die(engine: Engine, number: int, error: str, kind: ErrorKind = ErrorKind.REJECTED) -> None:
    save(engine, "mlflow", test_id=f"t{number}")
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, kind, error, NOW)


def causes(engine: Engine) -> list[DeadCause]:
    with reading(engine) as connection:
        return dead_causes(connection)


@pytest.mark.both_databases
def test_errors_that_differ_in_what_varies_are_one_cause_and_the_most_come_first(
    engine: Engine,
) -> None:
    die(engine, 1, "the experiment 'ann' is deleted")
    die(engine, 2, "a parameter of 7000 characters is too long")
    die(engine, 3, "a parameter of 6001 characters is too long")
    assert causes(engine) == [
        DeadCause("mlflow", "rejected", "a parameter of … characters is too long", 2),
        DeadCause("mlflow", "rejected", "the experiment … is deleted", 1),
    ]


@pytest.mark.both_databases
def test_a_cause_finds_its_deliveries_and_no_others(engine: Engine) -> None:
    for number, error in enumerate(
        [
            "Invalid value 1 for parameter 'metrics[3].value' supplied: it has to be a number",
            "Invalid value 2 for parameter 'metrics[7].value' supplied: it has to be a number",
            "Invalid value 3 for parameter 'tags[1].key' supplied: names must match",
            "Invalid value 3 for parameter 'tags[1].key' supplied: names must match, all",
            "the server refuses us",
            "the server refuses us for now",
            "404",
            "100 % of _",
        ]
    ):
        die(engine, number, error)
    sizes = []
    for cause in causes(engine):
        wanted = RunFilter(status="dead", error_kind=cause.error_kind, cause=cause.cause)
        sizes.append((cause.count, len(find(engine, wanted))))
    assert sizes == [(2, 2), *[(1, 1)] * 6]


@pytest.mark.both_databases
def test_an_error_that_was_erased_is_a_cause_of_its_own(engine: Engine) -> None:
    die(engine, 1, "the server refuses us")
    with writing(engine) as connection:
        erase_words(connection, select(results_table.c.id))
    (cause,) = causes(engine)
    assert [one.id for one in find(engine, RunFilter(cause=cause.cause))] == [1]


@pytest.mark.both_databases
def test_both_databases_find_the_cause_that_python_finds(engine: Engine) -> None:
    @for_all
    @given(error=st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12).map("".join))
    def finds_the_same(error: str) -> None:
        found = connection.execute(select(cause_of(literal(error)))).scalar_one()
        assert found == cause_in(error)

    with reading(engine) as connection:
        finds_the_same()


def test_what_is_not_dead_has_no_cause(engine: Engine) -> None:
    delivered(engine)
    assert causes(engine) == []
