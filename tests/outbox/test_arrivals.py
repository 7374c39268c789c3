"""What comes in from other sites: under their keys, once, and what is told of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import arrivals, bundle_log, hand_over_lookup, hand_overs, homecoming
from fairmind_sync.outbox.arrivals import ArrivingDelivery, ArrivingResult, ToldOutcome
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.outbox.hand_over_lookup import WayOfDelivery
from fairmind_sync.outbox.sites import SiteRecord
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import arrivals_table, outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.outbox.other_sites import hand_over
from tests.outbox.test_homecoming import TOLD
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import RUN, dead, save

SITE, OTHER = "f" * 32, "e" * 32
THERE = SiteRecord(SITE, "there", "keys")
BUNDLE, KEY = "b" * 32, "c" * 32
LATER = NOW + timedelta(hours=1)


def result(
    *keys: str, epoch: int = 1, attempted: Any = None, revision: int = 1, **changes: Any
) -> ArrivingResult:
    came = (ArrivingDelivery("mlflow", key, epoch, attempted) for key in keys)
    return ArrivingResult(new_result(**{"test_id": "came", **changes}), revision, tuple(came))


def take_in(engine: Engine, *results: ArrivingResult, site: str = SITE) -> Counter[str]:
    with writing(engine) as connection:
        return +arrivals.take_in(connection, site, BUNDLE, results, NOW)


def told(engine: Engine, site: str = SITE, since: Any = None) -> list[ToldOutcome]:
    with reading(engine) as connection:
        return list(arrivals.outcomes(connection, site, since))


def write(engine: Engine, **values: Any) -> None:
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(values))


def test_a_new_delivery_is_due_now_under_its_key(engine: Engine) -> None:
    assert take_in(engine, result(KEY, revision=3)) == {"new": 1}
    (row,), (kept,) = rows(engine, outbox_table), rows(engine, arrivals_table)
    assert (row.delivery_key, row.provider, row.status, row.attempts) == (
        KEY,
        "mlflow",
        "pending",
        0,
    )
    assert (row.due_at, row.created_at, row.create_attempted_at) == (NOW, NOW, None)
    assert (kept.site, kept.delivery_key, kept.delivery_id, kept.bundle_key) == (
        SITE,
        KEY,
        1,
        BUNDLE,
    )
    assert (kept.epoch, kept.arrived_at) == (1, NOW)
    assert [(one.test_id, one.revision) for one in rows(engine, results_table)] == [("came", 3)]


@pytest.mark.parametrize(("attempted", "kept"), [(NOW - timedelta(1), -1), (LATER, 0)])
def test_what_was_attempted_there_was_attempted_by_now(
    engine: Engine, attempted: Any, kept: int
) -> None:
    take_in(engine, result(KEY, attempted=attempted))
    assert rows(engine, outbox_table)[0].create_attempted_at == NOW + timedelta(kept)


def test_a_new_result_is_saved_now_and_owed_to_nobody_else(engine: Engine) -> None:
    take_in(engine, result(KEY))
    assert [row.created_at for row in rows(engine, results_table)] == [NOW]
    assert [row.provider for row in rows(engine, outbox_table)] == ["mlflow"]


def test_what_is_known_is_known_however_often_it_comes(engine: Engine) -> None:
    take_in(engine, result(KEY))
    assert take_in(engine, result(KEY, "d" * 32, test_id="came")) == {"known": 1, "owed": 1}
    assert take_in(engine, result(KEY, epoch=2)) == {"known": 1}
    assert [row.epoch for row in rows(engine, arrivals_table)] == [2, 1]


def test_another_site_that_knows_the_key_is_told_of_the_same_delivery(engine: Engine) -> None:
    save(engine, "mlflow")
    take_in(engine, result(KEY))
    assert take_in(engine, result(KEY), site=OTHER) == {"owed": 1}
    assert [(row.site, row.delivery_id) for row in rows(engine, arrivals_table)] == [
        (OTHER, 2),
        (SITE, 2),
    ]


def test_what_is_known_is_found_in_parts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_AT_ONCE", 2)
    every = [result(f"{number:032}", test_id=f"t{number}") for number in range(5)]
    assert take_in(engine, *every) == {"new": 5}
    assert take_in(engine, *every) == {"known": 5}


def test_where_a_delivery_came_from_first_is_told(engine: Engine) -> None:
    save(engine, "mlflow")
    take_in(engine, result(KEY))
    with writing(engine) as connection:
        arrivals.take_in(connection, OTHER, "a" * 32, [result(KEY)], LATER)
        bundle_log.note(
            connection, BundleRecord("in", "results", BUNDLE, SITE, "there", NOW, 1, "a.bundle")
        )
        came = [hand_over_lookup.came_from(connection, each) for each in (1, 2)]
    assert came == [None, WayOfDelivery("there", BUNDLE, NOW)]


def test_only_what_is_dead_and_comes_anew_is_retried(engine: Engine) -> None:
    save(engine, "wandb")
    take_in(engine, result(KEY))
    write(engine, status="dead", finished_at=NOW)
    assert take_in(engine, result(KEY)) == {"known": 1}
    assert take_in(engine, result(KEY, epoch=2)) == {"retried": 1}
    assert [row.status for row in rows(engine, outbox_table)] == ["dead", "pending"]


def test_what_was_saved_here_is_told_apart_in_parts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_AT_ONCE", 2)
    for _ in range(3):
        save(engine, "mlflow")
    mine = [row.delivery_key for row in rows(engine, outbox_table)]
    take_in(engine, result(KEY))
    with reading(engine) as connection:
        found = arrivals.born_here(connection, [*mine, KEY, "0" * 32])
    assert sorted(found) == sorted(mine)


def test_takings_in_take_turns(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[object] = []
    monkeypatch.setattr(arrivals, "advisory_lock", lambda _connection, what: turns.append(what))
    take_in(engine, result(KEY))
    assert turns == ["save many"]


def test_what_became_of_a_delivery_is_told_with_its_run(engine: Engine) -> None:
    take_in(engine, result(KEY, epoch=4))
    run = {"run_id": RUN.id, "run_url": RUN.url, "destination": "x", "create_attempted_at": NOW}
    evidence = {"evidence_state": "refused", "evidence_reason": "no store"}
    stale = {"last_error": "earlier", "last_error_kind": "uncertain"}
    write(engine, status="delivered", finished_at=LATER, **run, **evidence, **stale)
    assert told(engine) == [
        ToldOutcome(
            provider="mlflow",
            key=KEY,
            epoch=4,
            state="delivered",
            was_tried=True,
            run_id=RUN.id,
            run_url=RUN.url,
            destination="x",
            finished_at=LATER,
            error_kind=None,
            error=None,
            evidence_state="refused",
            evidence_reason="no store",
        )
    ]


@pytest.mark.parametrize("status", ["dead", "discarded"])
def test_why_a_delivery_failed_is_told(engine: Engine, status: str) -> None:
    take_in(engine, result(KEY))
    write(engine, status=status, finished_at=NOW, last_error="odd", last_error_kind="rejected")
    ((one),) = told(engine)
    assert (one.state, one.error, one.error_kind, one.was_tried) == (
        status,
        "odd",
        "rejected",
        False,
    )


def test_what_went_on_to_a_third_site_is_pending(engine: Engine) -> None:
    take_in(engine, result(KEY))
    with writing(engine) as connection:
        (gone,) = hand_overs.outgoing(connection, [1], OTHER)
        hand_overs.mark(connection, gone.deliveries, OTHER, "a" * 32, NOW, again=False)
    assert [one.state for one in told(engine)] == ["pending"]


def test_a_site_is_told_of_what_came_from_there_in_parts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_AT_ONCE", 2)
    keys = [f"{number:032}" for number in range(5)]
    take_in(engine, *(result(key, test_id=key) for key in keys[:4]))
    take_in(engine, result(keys[4], test_id="else"), site=OTHER)
    assert [one.key for one in told(engine)] == keys[:4]


def test_since_a_time_only_what_ended_then_or_later_is_told(engine: Engine) -> None:
    take_in(engine, result(KEY))
    assert told(engine, since=NOW) == []
    write(engine, status="dead", finished_at=NOW)
    assert [len(told(engine, since=at)) for at in (NOW, NOW + timedelta(seconds=1))] == [1, 0]


def test_what_died_here_before_is_not_told_to_a_site(engine: Engine) -> None:
    dead(engine)
    assert told(engine, THERE.fingerprint) == []


def test_what_was_heard_of_since_then_is_told_though_it_ended_before(engine: Engine) -> None:
    """It was handed on to another site, whose receipts come late."""
    take_in(engine, result(KEY))
    with writing(engine) as connection:
        hand_over(engine, connection, replace(THERE, fingerprint=OTHER), BUNDLE)
        home = replace(TOLD, key=KEY, finished_at=NOW)
        homecoming.hear(connection, OTHER, "other", 1, [home], LATER)
    after = LATER + timedelta(hours=1)
    assert [len(told(engine, since=then)) for then in (LATER, after)] == [1, 0]
