"""What the oracle finds wrong with rows that several processes left."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.power_cuts.crowd_oracle import wrong_backup_of_many, wrong_by_facts
from tests.power_cuts.facts import BACKUP, CLAIMED, DEAD, DELIVERED, ERASED, SAVED, Fact, Facts
from tests.power_cuts.oracle import Rows
from tests.power_cuts.stories import payload

RESULTS, OUTBOX = "bias_test_results", "outbox"
TOLD: tuple[Fact, ...] = ((SAVED, 1), (SAVED, 2), (CLAIMED, 11), (DELIVERED, 11), (DEAD, 12))


def facts(*told: Fact, possible: tuple[Fact, ...] = ()) -> Facts:
    return Facts().after({"begun": possible}).after({"acknowledged": told})


def result(number: int, held: str = "") -> tuple[Any, ...]:
    text = held or json.dumps(payload(number))
    return (number, f"test-{number}", "user-1", 1, "model-1", "dataset-1", "ml_bias", text)


def deliveries(number: int, wandb: str = "pending", mlflow: str = "pending") -> list[Any]:
    """Numbered as the result is, with a 1 and a 2 behind it."""
    return [
        (id_, number, provider, "key", status, 1, *([None] * 4), f"run-{id_}")
        for id_, provider, status in (
            (10 * number + 1, "wandb", wandb),
            (10 * number + 2, "mlflow", mlflow),
        )
    ]


def whole() -> Rows:
    """What is there where both results were saved, and the first was delivered to one provider."""
    return counted(
        {
            RESULTS: [result(1), result(2)],
            OUTBOX: [*deliveries(1, "delivered", "dead"), *deliveries(2)],
            "delivery_attempts": [(1, 11), (2, 12)],
        }
    )


def counted(rows: Rows) -> Rows:
    counts = [(0, row[2], row[4], 1) for row in rows[OUTBOX]]
    return {**rows, "delivery_counts": counts}


def test_rows_that_hold_what_was_told_are_right() -> None:
    assert [*wrong_by_facts(whole(), facts(*TOLD))] == []


def test_what_was_begun_may_be_there_or_not() -> None:
    more = ((SAVED, 1), (SAVED, 2), (SAVED, 3), (DELIVERED, 11), (DEAD, 12), (DELIVERED, 21))
    assert [*wrong_by_facts(whole(), facts((SAVED, 1), possible=more))] == []


@pytest.mark.parametrize(
    ("table", "rows", "found"),
    [
        (RESULTS, [result(1)], "the acknowledged result 2 is lost"),
        (RESULTS, [result(1), result(2), result(3)], "nobody saved the result 3"),
        (RESULTS, [result(1), result(2, "{}")], "the result 2 holds something else"),
        (RESULTS, [result(1), result(2), result(2)], "is there twice"),
        (OUTBOX, [*deliveries(1, "delivered", "dead")], "test-2 has other deliveries"),
        (OUTBOX, [*whole()[OUTBOX], *deliveries(3)], "deliveries of no result: [3]"),
        (OUTBOX, [*deliveries(1, "delivered"), *deliveries(2)], "that delivery 12 is dead was"),
        (OUTBOX, [*deliveries(1, "delivered", "dead"), *deliveries(2, "dead")], "nobody recorded"),
        ("delivery_attempts", [(2, 12)], "the claim of delivery 11 was acknowledged, and is lost"),
    ],
)
def test_rows_that_lack_it_are_wrong(table: str, rows: list[Any], found: str) -> None:
    wrong = [*wrong_by_facts(counted({**whole(), table: rows}), facts(*TOLD))]
    assert [one for one in wrong if found in one]


def test_another_run_than_the_recorded_one_is_wrong() -> None:
    rows = whole()
    rows[OUTBOX][0] = (*rows[OUTBOX][0][:10], "run-9")
    assert [*wrong_by_facts(rows, facts(*TOLD))] == ["delivery 11 has another run"]


def test_counters_that_disagree_are_wrong() -> None:
    (wrong,) = wrong_by_facts({**whole(), "delivery_counts": []}, facts(*TOLD))
    assert wrong.startswith("the counters say {}")


def test_what_was_erased_is_back() -> None:
    (wrong,) = wrong_by_facts(whole(), facts(*TOLD, (ERASED, 2)))
    assert wrong == "the result 2, whose erasing was acknowledged, is back"


def test_a_backup_holds_what_was_acknowledged_before_it_was_begun() -> None:
    expected = facts((SAVED, 1), (SAVED, 2)).after({"begun": [(BACKUP, 1)]})
    copy = counted({RESULTS: [result(1)], OUTBOX: deliveries(1)})
    (wrong,) = wrong_backup_of_many(copy, whole(), 1, expected)
    assert wrong == "backup 1: the acknowledged result 2 is lost"


def test_a_backup_may_lack_what_was_acknowledged_afterwards() -> None:
    expected = facts((SAVED, 1)).after({"begun": [(BACKUP, 1)]}).after({"acknowledged": TOLD})
    copy = counted({RESULTS: [result(1)], OUTBOX: deliveries(1)})
    assert [*wrong_backup_of_many(copy, whole(), 1, expected)] == []


def test_a_backup_that_holds_what_the_database_lacks_is_wrong() -> None:
    expected = facts((SAVED, 1)).after({"begun": [(BACKUP, 1)]}).after({"acknowledged": TOLD})
    source = counted({RESULTS: [result(1)], OUTBOX: deliveries(1)})
    wrong = [*wrong_backup_of_many(whole(), source, 1, expected)]
    assert "backup 1: the database lacks its rows [2] of bias_test_results" in wrong
