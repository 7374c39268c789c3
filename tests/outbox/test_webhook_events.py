"""Events for the webhook: once, in their order, and again until they are taken."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import webhook_events as events
from fairmind_sync.outbox.webhook_events import DueEvent
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.tables import webhook_events_table
from tests.support.clock import NOW

BODY = {"type": "deliveries.dead", "wörd": 1}
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def found(connection: Connection) -> list[Any]:
    return list(connection.execute(webhook_events_table.select().order_by("id")))


def taken(connection: Connection, now: Any = NOW) -> DueEvent:
    event = events.take(connection, now)
    assert event is not None
    return event


def test_events_are_told_since_the_first_begin(connection: Connection) -> None:
    before = events.begun_at(connection)
    events.begin(connection, NOW)
    events.begin(connection, NOW + DAY)
    assert (before, events.begun_at(connection)) == (None, NOW)
    assert (events.is_any_due(connection, NOW + DAY), events.take(connection, NOW + DAY)) == (
        False,
        None,
    )


def test_an_event_is_due_at_once_under_an_id_of_its_own(connection: Connection) -> None:
    events.add(connection, "a", BODY, NOW)
    events.add(connection, "b", BODY, NOW)
    bodies = [json.loads(row.body) for row in found(connection)]
    ids = [body.pop("id") for body in bodies]
    assert (bodies, len({*ids}), [len(one) for one in ids]) == ([BODY, BODY], 2, [32, 32])
    assert "ö" in found(connection)[0].body
    assert events.is_any_due(connection, NOW)
    assert not events.is_any_due(connection, NOW - SECOND)


def test_an_event_of_a_known_key_is_no_news(connection: Connection) -> None:
    events.add(connection, "a", BODY, NOW)
    events.add(connection, "a", {"type": "other"}, NOW + DAY)
    (row,) = found(connection)
    assert (row.created_at, "deliveries.dead" in row.body) == (NOW, True)
    assert events.known(connection, ["a", "b"]) == {"a"}


def test_the_newest_key_that_begins_so_is_found(connection: Connection) -> None:
    for key in ("dead:1", "dead:2", "dead_3", "else"):
        events.add(connection, key, BODY, NOW)
    assert events.newest_key(connection, "dead:") == "dead:2"
    assert events.newest_key(connection, "dea_") is None


def test_the_oldest_due_event_is_taken_and_is_nobody_elses_for_a_while(
    connection: Connection,
) -> None:
    events.add(connection, "a", BODY, NOW)
    events.add(connection, "b", BODY, NOW)
    first, second = taken(connection), taken(connection)
    assert [(one.event_key, one.created_at, one.attempts) for one in (first, second)] == [
        ("a", NOW, 1),
        ("b", NOW, 1),
    ]
    assert first.message_id == f"fairmind_sync_{json.loads(first.body)['id']}"
    assert events.take(connection, NOW + events.SEND_TIME - SECOND) is None
    again = taken(connection, NOW + events.SEND_TIME)
    assert (again.id, again.attempts) == (first.id, 2)


def test_what_the_receiver_took_is_over(connection: Connection) -> None:
    events.add(connection, "a", BODY, NOW)
    event = taken(connection)
    events.note_refused(connection, event, "503", NOW)
    events.note_taken(connection, event, NOW + SECOND)
    (row,) = found(connection)
    assert (row.due_at, row.sent_at, row.last_error) == (None, NOW + SECOND, None)


@pytest.mark.parametrize(
    ("attempts", "wait"), [(1, 10), (2, 20), (9, 2560), (10, 3600), (40, 3600)]
)
def test_a_refused_event_waits_twice_as_long_each_time(
    connection: Connection, attempts: int, wait: int
) -> None:
    events.add(connection, "a", BODY, NOW)
    event = DueEvent(1, "a", "{}", NOW, attempts)
    assert events.note_refused(connection, event, "503", NOW + SECOND)
    (row,) = found(connection)
    assert (row.due_at, row.last_error) == (NOW + SECOND + timedelta(seconds=wait), "503")


@pytest.mark.parametrize(("after", "goes_on"), [(DAY - SECOND, True), (DAY, False)])
def test_after_a_day_an_event_is_given_up(
    connection: Connection, after: timedelta, goes_on: bool
) -> None:
    events.add(connection, "a", BODY, NOW)
    assert events.note_refused(connection, taken(connection), "503", NOW + after) is goes_on
    assert (found(connection)[0].due_at is not None) is goes_on


def test_what_is_over_is_forgotten_after_its_time_and_the_begin_is_not(
    connection: Connection,
) -> None:
    events.begin(connection, NOW - DAY)
    for key, at in (("old", NOW - SECOND), ("new", NOW), ("open", NOW - SECOND)):
        events.add(connection, key, BODY, at)
    for event in (taken(connection), taken(connection)):
        events.note_taken(connection, event, NOW)
    events.forget(connection, NOW + events.KEPT)
    assert [row.event_key for row in found(connection)] == ["begin", "new", "open"]


def test_events_of_different_databases_have_different_ids(engine: Engine) -> None:
    ids = set()
    for _ in range(2):
        with writing(engine) as connection:
            events.add(connection, "k", {"type": "x"}, current_time(engine))
            event = events.take(connection, current_time(engine))
            assert event is not None
            ids.add(event.message_id)
            connection.execute(webhook_events_table.delete())
    assert len(ids) == 2
