"""The counts that status, page and metrics show: kept by the database itself, whoever writes."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine, delete, func, select, update

from fairmind_sync.outbox import workload
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.schema import migrating
from fairmind_sync.storage.tables import attempts_table, delivery_counts_table, outbox_table
from tests.support.clock import NOW
from tests.support.databases import plan
from tests.support.deliveries import dead, delivered, save
from tests.support.older_database import older_database

pytestmark = pytest.mark.both_databases

KINDS = {("wandb", "pending"): 2, ("mlflow", "delivered"): 1, ("mlflow", "dead"): 1}


def counts(engine: Engine) -> dict[tuple[str, str], int]:
    """Without those that are 0."""
    of = delivery_counts_table.c
    counted = select(of.provider, of.status, func.sum(of.count)).group_by(of.provider, of.status)
    with reading(engine) as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(counted) if row[2]}


def fill(engine: Engine) -> None:
    delivered(engine)
    dead(engine)
    for _ in range(2):
        save(engine, "wandb")


def test_every_provider_and_status_has_its_count(engine: Engine) -> None:
    of = delivery_counts_table.c
    with reading(engine) as connection:
        found = connection.execute(select(of.provider, of.status).distinct()).all()
    assert len(found) == 2 * 4


def test_deliveries_are_counted_as_they_change(engine: Engine) -> None:
    fill(engine)
    assert counts(engine) == KINDS


def test_a_change_within_a_status_counts_nothing(engine: Engine) -> None:
    fill(engine)
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(status=outbox_table.c.status, attempts=3))
    assert counts(engine) == KINDS


def test_what_is_removed_counts_no_more(engine: Engine) -> None:
    fill(engine)
    with writing(engine) as connection:
        connection.execute(delete(attempts_table))
        connection.execute(delete(outbox_table).where(outbox_table.c.provider == "mlflow"))
    assert counts(engine) == {("wandb", "pending"): 2}


def test_what_is_undone_counts_nothing(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        changed = connection.execute(
            update(outbox_table).values(attempts=3, status=outbox_table.c.status)
        )
        connection.execute(delete(attempts_table))
        removed = connection.execute(delete(outbox_table))
        connection.rollback()
    assert (changed.rowcount == removed.rowcount > 0, counts(engine)) == (True, KINDS)


def test_deliveries_of_an_older_database_are_counted_at_its_upgrade(
    empty_database_url: str,
) -> None:
    with older_database(empty_database_url) as engine:
        schema.upgrade(engine, NOW)
        assert counts(engine) == {("mlflow", "pending"): 3}


def test_an_upgrade_can_be_taken_back(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 a producer only pays for it on a database's first use

    with migrating(engine) as connection:
        command.downgrade(schema.alembic_config(connection), "0003")
    assert schema.revision(engine) == "0003"


def test_a_backlog_is_full_at_its_limit(engine: Engine) -> None:
    save(engine, "wandb", "mlflow")
    with reading(engine) as connection:
        full = [workload.is_backlog_full(connection, most) for most in (1, 2, 3)]
    assert full == [True, True, False]


def test_reading_the_backlog_reads_none_of_the_deliveries(engine: Engine) -> None:
    """The oldest pending one comes from an index of pending ones, in its order."""
    oldest = (
        "SELECT created_at FROM outbox WHERE provider = 'mlflow' AND status = 'pending'"
        " ORDER BY created_at LIMIT 1"
    )
    found = plan(engine, oldest)
    assert re.search("(COVERING INDEX|Index Only Scan using) ix_outbox_oldest_pending", found)
    assert not re.search("TEMP B-TREE|Sort", found)
