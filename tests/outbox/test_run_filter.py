"""What a list of deliveries is narrowed to, how many match, and how the filter reads in words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.results.error_causes import cause_in
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.schema import ready_engine
from tests.support.clock import NOW
from tests.support.deliveries import dead, save

DAY = timedelta(days=1)


@pytest.fixture
def outbox(engine: Engine) -> Engine:
    """Deliveries 1 to 4: a dead one, then one a day."""
    dead(engine, "The quota of ann is used up")
    save(engine, "mlflow", test_id="one", now=NOW + DAY)
    save(engine, "mlflow", test_id="two", now=NOW + 2 * DAY, results={"risk_level": "critical"})
    save(engine, "mlflow", test_id="three", now=NOW + 3 * DAY, user_id="bob", test_type="llm_bias")
    return engine


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(user_id="bob"), [4]),
        (RunFilter(test_type="llm_bias"), [4]),
        (RunFilter(risk="critical"), [3]),
        (RunFilter(error="QUOTA of"), [1]),
        (RunFilter(error="%"), []),
        (RunFilter(error_kind="rejected"), [1]),
        (RunFilter(since=NOW + 2 * DAY), [4, 3]),
        (RunFilter(until=NOW + 2 * DAY), [2, 1]),
        (RunFilter(before=3), [2, 1]),
        (RunFilter(after=2), [4, 3]),
        (RunFilter(after=2, test_type="ml_bias"), [3]),
    ],
    ids=repr,
)
def test_a_filter_lets_through_what_it_names(
    outbox: Engine, wanted: RunFilter, expected: list[int]
) -> None:
    assert [one.id for one in find(outbox, wanted)] == expected
    with reading(outbox) as connection:
        assert sorted(delivery_lookup.ids(connection, wanted)) == sorted(expected)


def test_the_page_after_is_the_one_next_to_where_it_was(outbox: Engine) -> None:
    assert [one.id for one in find(outbox, RunFilter(after=1), 2)] == [3, 2]


def test_a_cause_is_sought_in_errors_alone(tmp_path: Path) -> None:
    """Each call of the function costs a call of Python, also for a million deliveries without an error."""
    engine = ready_engine(f"sqlite:///{tmp_path / 'own.db'}")
    dead(engine, "The quota is used up")
    save(engine, "mlflow", "wandb", test_id="without")
    sought: list[str | None] = []

    def noted(error: str | None) -> str:
        sought.append(error)
        return cause_in(error)

    with reading(engine) as connection:
        driver: Any = connection.connection.driver_connection
        driver.create_function("fairmind_cause", 1, noted)
        found = delivery_lookup.deliveries(connection, RunFilter(cause="The quota is used up"))
    assert (len(found), {*sought}) == (1, {"The quota is used up"})


@pytest.mark.both_databases
def test_what_has_no_error_has_the_cause_that_says_nothing(outbox: Engine) -> None:
    assert [one.id for one in find(outbox, RunFilter(cause="…"))] == [4, 3, 2]


@pytest.mark.parametrize(("most", "expected"), [(100, 3), (3, 3), (2, 2)])
def test_a_count_ends_at_its_limit(outbox: Engine, most: int, expected: int) -> None:
    with reading(outbox) as connection:
        assert delivery_lookup.count(connection, RunFilter(status="pending"), most) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(), "all deliveries"),
        (
            RunFilter(status="dead", provider="mlflow", error_kind="rejected", since=NOW),
            f"dead deliveries at mlflow whose error is of kind rejected since {NOW:%Y-%m-%d %H:%M} UTC",
        ),
        (
            RunFilter(error="the quota of 'ann' is 7 " + "x" * 80),
            f"all deliveries whose error has \u201cthe quota of … is … {'x' * 59}…\u201d",
        ),
        (
            RunFilter(cause="the quota of … is used up"),
            "all deliveries whose error says \u201cthe quota of … is used up\u201d",
        ),
        (RunFilter(user_id="ann", risk="high"), "all deliveries of user ann of risk high"),
    ],
)
def test_a_filter_reads_in_words(wanted: RunFilter, expected: str) -> None:
    assert wanted.in_words() == expected


def test_the_words_of_a_filter_hold_nothing_that_a_provider_quotes() -> None:
    assert "ann" not in RunFilter(error="the secret of 'ann'", cause='of "ann"').in_words()
