"""Stores the events of the webhook: each once, taken when due,
waiting longer after each refusal, given up after a day.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import outbox_table, webhook_events_table
from fairmind_sync.text import cut_short, printable

SEND_TIME = timedelta(minutes=1)
"""The longest that one try takes; an event that somebody began to send is tried again after that."""
GIVE_UP = timedelta(days=1)
LONGEST_ERROR = 300
KEPT = timedelta(days=30)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
_BEGIN = "begin"
_table = webhook_events_table.c
_FORGET = delete(webhook_events_table).where(  # made once: a daemon does so each minute
    _table.due_at.is_(None), _table.created_at < bindparam("before"), _table.event_key != _BEGIN
)


@dataclass(frozen=True, slots=True)
class DueEvent:
    """An event that is to be sent now; `attempts` counts this try, too."""

    id: int
    event_key: str
    body: str
    created_at: datetime
    attempts: int

    @property
    def message_id(self) -> str:
        """What a receiver knows the event by, whichever database it was in: the same at each try."""
        return f"fairmind_sync_{json.loads(self.body)['id']}"


def begin(connection: Connection, now: datetime) -> None:
    """Has events be told from now on, unless they are since an earlier time: nothing old is told."""
    _add(connection, _BEGIN, "{}", now, due_at=None)


def begun_at(connection: Connection) -> datetime | None:
    """Returns since when events are told; None before the first `begin`."""
    begun: datetime | None = connection.execute(
        select(_table.created_at).where(_table.event_key == _BEGIN)
    ).scalar()
    return begun


def known(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Returns those of the keys under which there is an event."""
    wanted = select(_table.event_key).where(_table.event_key.in_(keys))
    return set(connection.execute(wanted).scalars())


@dataclass(frozen=True, slots=True)
class Telling:
    """How the receiver takes events: when it took the last one, and how many wait since it took one not."""

    last_sent_at: datetime | None
    waiting: int
    last_error: str | None


def telling(connection: Connection) -> Telling:
    """Returns how the receiver takes events."""
    sent = connection.execute(select(func.max(_table.sent_at))).scalar()
    refused = (_table.last_error.is_not(None), _table.due_at.is_not(None))
    errors = connection.execute(
        select(_table.last_error).where(*refused).order_by(_table.id.desc())
    ).scalars()
    found = [*errors]
    return Telling(sent, len(found), found[0] if found else None)


def is_any_due(connection: Connection, now: datetime) -> bool:
    """Returns whether an event is to be sent now."""
    due = select(_table.id).where(_table.due_at <= now).limit(1)
    return connection.execute(due).first() is not None


def add(connection: Connection, key: str, body: Mapping[str, Any], now: datetime) -> None:
    """Adds an event, due now, under an id of its own; does nothing if there was one of that key before."""
    event = {"id": secrets.token_hex(16), **body}
    _add(connection, key, json.dumps(event, ensure_ascii=False), now, due_at=now)


def newest_key(connection: Connection, prefix: str) -> str | None:
    """Returns the key of the newest event whose key begins so; None if there is none."""
    found: str | None = connection.execute(
        select(_table.event_key)
        .where(_table.event_key.startswith(prefix, autoescape=True))
        .order_by(_table.id.desc())
        .limit(1)
    ).scalar()
    return found


def take(connection: Connection, now: datetime) -> DueEvent | None:
    """Returns the oldest event that is due, and has nobody else send it for `SEND_TIME`; None if none is."""
    columns = (_table.id, _table.event_key, _table.body, _table.created_at, _table.attempts)
    row = connection.execute(
        select(*columns)
        .where(_table.due_at <= now)
        .order_by(_table.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    attempts = row.attempts + 1
    connection.execute(
        update(webhook_events_table)
        .where(_table.id == row.id)
        .values(due_at=now + SEND_TIME, attempts=attempts)
    )
    body = _with_error(connection, row.body)
    return DueEvent(row.id, row.event_key, body, row.created_at, attempts)


def _with_error(connection: Connection, body: str) -> str:
    """Returns the body with the last error of the delivery that it names, as far as the error is there still.

    A provider's words may repeat what they were sent, so they are in no event: who erases a result finds them
    in one place.
    """
    event = json.loads(body)
    data = event.get("data", {})
    if "error" not in data:
        return body
    wanted = select(outbox_table.c.last_error).where(outbox_table.c.id == data["delivery_id"])
    error = connection.execute(wanted).scalar()
    if error:
        said = printable(error.partition("\n")[0])
        data["error"] = cut_short(said, LONGEST_ERROR)
        event["text"] += f" The error of test {data['test_id']}: {data['error']}"
    return json.dumps(event, ensure_ascii=False)


def note_taken(connection: Connection, event: DueEvent, now: datetime) -> None:
    """Records that the receiver took the event."""
    _set(connection, event, due_at=None, sent_at=now, last_error=None)


def note_test(connection: Connection, id_: str, now: datetime) -> None:
    """Records that the receiver took a test event of that id."""
    _add(connection, f"test:{id_}", "{}", now, due_at=None)
    taken = update(webhook_events_table).where(_table.event_key == f"test:{id_}")
    connection.execute(taken.values(sent_at=now))


def note_refused(connection: Connection, event: DueEvent, error: str, now: datetime) -> bool:
    """Records why the event was not taken; returns whether it is tried again, which ends after a day."""
    is_tried_again = now - event.created_at < GIVE_UP
    wait = min(_FIRST_WAIT * 2 ** min(event.attempts - 1, 10), _LONGEST_WAIT)
    _set(connection, event, due_at=now + wait if is_tried_again else None, last_error=error)
    return is_tried_again


def forget(connection: Connection, now: datetime) -> None:
    """Deletes events that are over and older than `KEPT`."""
    connection.execute(_FORGET, {"before": now - KEPT})


def _add(
    connection: Connection, key: str, body: str, now: datetime, due_at: datetime | None
) -> None:
    event = {"event_key": key, "body": body, "created_at": now, "attempts": 0, "due_at": due_at}
    connection.execute(upsert(webhook_events_table).values(event).on_conflict_do_nothing())


def _set(connection: Connection, event: DueEvent, **values: Any) -> None:
    connection.execute(update(webhook_events_table).where(_table.id == event.id).values(**values))
