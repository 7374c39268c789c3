"""A database that holds all that there can be, for copies of it."""

from __future__ import annotations

from sqlalchemy import Engine

from fairmind_sync.outbox import (
    delivery_lookup,
    idempotency,
    operator_log,
    provider_state,
    retry_discard,
    saving,
    webhook_events,
)
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.deliveries import claimed, dead, delivered, save

MANY = 600
DEAD = 2
"""The id of what `fill` leaves dead."""


def fill(engine: Engine) -> None:
    """Every status, a lease, a paused provider, a key, and more than one transaction takes."""
    delivered(engine)
    dead(engine)
    claimed(engine)
    discarded = save(engine, "wandb")
    with writing(engine) as connection:
        provider_state.pause(connection, "wandb", NOW)
        idempotency.save_once(connection, "key", new_result(test_id="once"), PROVIDERS, NOW)
        many = [new_result(test_id=f"many-{number}") for number in range(MANY)]
        saving.save_all(connection, many, PROVIDERS, NOW)
        given_up = delivery_lookup.deliveries(connection, RunFilter(result_id=discarded.result_id))
        ids = [one.id for one in given_up]
        count = retry_discard.discard(connection, ids, "not wanted", NOW)
        named = operator_log.deliveries_named(ids)
        by = operator_log.of_this_process()
        webhook_events.begin(connection, NOW)
        webhook_events.add(connection, "dead:mlflow", {"type": "deliveries.dead"}, NOW)
        operator_log.note(connection, "discard", by, NOW, subject=named, count=count)
