"""A database that holds all that there can be, for copies of it."""

from __future__ import annotations

from dataclasses import asdict, replace

from sqlalchemy import Connection, Engine, insert

from fairmind_sync.outbox import (
    arrivals,
    bundle_log,
    delivery_lookup,
    hand_overs,
    idempotency,
    operator_log,
    provider_state,
    retry_discard,
    samples,
    saving,
    sites,
    webhook_events,
)
from fairmind_sync.outbox.arrivals import ArrivingDelivery, ArrivingResult
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.sites import SiteRecord
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import provider_samples_table
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
        _sample(connection)
        _hand_over(connection)


def _sample(connection: Connection) -> None:
    """More samples than one transaction takes."""
    first = samples.now_of(connection, "mlflow", NOW)
    taken = (replace(first, at=NOW + number * samples.EVERY) for number in range(MANY + 1))
    rows = [{"provider": "mlflow", **asdict(one)} for one in taken]
    connection.execute(insert(provider_samples_table), rows)


def _hand_over(connection: Connection) -> None:
    """One delivery went to another site, and one came from there."""
    site, bundle = "f" * 32, "b" * 32
    sites.set_own(connection, "here", "keys")
    sites.trust(connection, SiteRecord(site, "there", "other keys"), NOW)
    bundle_log.note(
        connection, BundleRecord("out", "results", bundle, site, "there", NOW, 1, "out.bundle")
    )
    ids = hand_overs.candidates(connection, RunFilter(test_id="once"), site, NOW, again=False)
    (result,) = hand_overs.outgoing(connection, ids[:1], site)
    hand_overs.mark(connection, result.deliveries, site, bundle, NOW, again=False)
    came = ArrivingDelivery("mlflow", "c" * 32, 1, None)
    arriving = ArrivingResult(new_result(test_id="came"), 1, (came,))
    arrivals.take_in(connection, site, "d" * 32, [arriving], NOW)
