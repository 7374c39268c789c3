"""Events for the webhook, as they are kept."""

from __future__ import annotations

from sqlalchemy import Engine

from fairmind_sync.outbox import webhook_events
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.tables import webhook_events_table


def test_events_of_different_databases_have_different_ids(engine: Engine) -> None:
    ids = set()
    for _ in range(2):
        with writing(engine) as connection:
            webhook_events.add(connection, "k", {"type": "x"}, current_time(engine))
            event = webhook_events.take(connection, current_time(engine))
            assert event is not None
            ids.add(event.message_id)
            connection.execute(webhook_events_table.delete())
    assert len(ids) == 2
