"""What receipts of another site change here, and what they count as."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import deletion, hand_overs, homecoming
from fairmind_sync.outbox.arrivals import ToldOutcome
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import hand_overs_table, outbox_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import save

SITE = "f" * 32
LATER = NOW + timedelta(hours=1)
TOLD = ToldOutcome(
    provider="mlflow",
    key="",
    epoch=1,
    state="delivered",
    was_tried=True,
    run_id="run-1",
    run_url="https://provider.example/run-1",
    destination="there",
    finished_at=NOW,
    error_kind=None,
    error=None,
    evidence_state="refused",
    evidence_reason="no store",
)
DEAD = replace(TOLD, state="dead", was_tried=False, error="too odd", error_kind="rejected")


def handed_over(engine: Engine, **changes: Any) -> str:
    """The key of a new delivery that is at the site."""
    save(engine, "mlflow", **changes)
    row = rows(engine, outbox_table)[-1]
    with writing(engine) as connection:
        (result,) = hand_overs.outgoing(connection, [row.id], SITE)
        hand_overs.mark(connection, result.deliveries, SITE, "b" * 32, NOW, again=False)
    return str(row.delivery_key)


def hear(engine: Engine, *told: ToldOutcome, sequence: int = 1) -> Counter[str]:
    with writing(engine) as connection:
        return +homecoming.hear(connection, SITE, "there", sequence, told, LATER)


def test_a_delivered_one_is_recorded_with_all_that_the_site_recorded(engine: Engine) -> None:
    key = handed_over(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(evidence_due_at=NOW, last_error="e"))
    assert hear(engine, replace(TOLD, key=key)) == {"delivered": 1}
    (row,) = rows(engine, outbox_table)
    assert (row.status, row.finished_at, row.run_id) == ("delivered", NOW, "run-1")
    assert (row.run_url, row.destination) == (TOLD.run_url, "there")
    assert (row.evidence_state, row.evidence_reason) == ("refused", "no store")
    assert (row.evidence_due_at, row.last_error, row.last_error_kind) == (None, None, None)


@pytest.mark.parametrize("ended", [None, LATER + timedelta(days=1)])
def test_what_ended_at_no_time_or_later_ends_now(engine: Engine, ended: Any) -> None:
    keys = [handed_over(engine), handed_over(engine)]
    for told, key in zip((TOLD, DEAD), keys, strict=True):
        hear(engine, replace(told, key=key, finished_at=ended))
    assert [row.finished_at for row in rows(engine, outbox_table)] == [LATER, LATER]


def test_each_kind_is_counted(engine: Engine) -> None:
    keys = [handed_over(engine) for _ in range(2)]
    told = [replace(TOLD, key=key) for key in keys]
    assert hear(engine, *told) == {"delivered": 2}
    assert hear(engine, *told, sequence=2) == {"unchanged": 2}
    assert hear(engine, replace(TOLD, key="0" * 32), replace(told[0], provider="wandb")) == {
        "unknown": 2
    }


def test_a_deleted_result_is_counted_where_its_run_was_made(engine: Engine) -> None:
    keys = [handed_over(engine, test_id=f"t{number}") for number in range(4)]
    with writing(engine) as connection:
        for number in (0, 1, 3):
            deletion.delete(connection, f"t{number}", "user-1", NOW)
    pending = replace(TOLD, state="pending", key=keys[1])
    runs = [replace(TOLD, key=keys[number]) for number in (0, 2, 3)]
    assert hear(engine, pending, *runs) == {"delivered": 3, "unchanged": 1, "deleted": 2}


def test_a_dead_one_is_dead_with_the_words_of_the_site(engine: Engine) -> None:
    keys = [handed_over(engine) for _ in range(3)]
    given_up = replace(DEAD, key=keys[1], state="discarded", error=None, error_kind=None)
    tried = replace(DEAD, key=keys[2], was_tried=True)
    assert hear(engine, replace(DEAD, key=keys[0]), given_up, tried) == {"dead": 3}
    assert [
        (row.status, row.last_error, row.last_error_kind, row.create_attempted_at)
        for row in rows(engine, outbox_table)
    ] == [
        ("dead", "dead at there: too odd", "rejected", None),
        ("dead", "given up at there: no reason was given", "unexpected", None),
        ("dead", "dead at there: too odd", "rejected", LATER),
    ]


@pytest.mark.parametrize(("sequence", "epoch"), [(5, 1), (6, 0)])
def test_a_death_that_newer_receipts_or_hand_overs_overtook_changes_nothing(
    engine: Engine, sequence: int, epoch: int
) -> None:
    key = handed_over(engine)
    hear(engine, replace(TOLD, key=key, state="pending"), sequence=5)
    assert hear(engine, replace(DEAD, key=key, epoch=epoch), sequence=sequence) == {"unchanged": 1}
    assert [row.status for row in rows(engine, outbox_table)] == ["handed_over"]


def test_what_was_heard_is_noted_unless_it_is_older(engine: Engine) -> None:
    key = handed_over(engine)
    hear(engine, replace(TOLD, key=key, state="pending", epoch=7), sequence=5)
    hear(engine, replace(TOLD, key=key, state="pending", epoch=8), sequence=4)
    (noted,) = rows(engine, hand_overs_table)
    assert (noted.heard_epoch, noted.heard_sequence, noted.heard_at) == (7, 5, LATER)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "handed_over"),
        ({"epoch": 0}, "dead"),
        ({"state": "discarded"}, "dead"),
    ],
    ids=["retried there", "of an older hand-over", "given up there"],
)
def test_what_is_retried_there_is_dead_no_longer(
    engine: Engine, changes: dict[str, Any], status: str
) -> None:
    key = handed_over(engine)
    hear(engine, replace(DEAD, key=key))
    again = replace(TOLD, key=key, state="pending", run_id=None, finished_at=None)
    assert hear(engine, replace(again, **changes), sequence=2) == {"unchanged": 1}
    assert rows(engine, outbox_table)[0].status == status
