"""What an operator does to a provider while a daemon records what became of a try."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Connection, Engine

from fairmind_sync.outbox import deletion, owed_evidence, provider_state
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, provider_table
from tests.outbox.test_owed_evidence import DUE, REFUSED, deliver
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.turns import in_turn

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_a_try_and_an_operator_do_not_wait_for_each_other(engine: Engine) -> None:
    """Both lock the delivery first, then the provider's state."""
    delivery = deliver(engine, REFUSED)

    def note(connection: Connection) -> None:
        owed_evidence.note(connection, delivery.id, REFUSED, DUE)

    def note_store(connection: Connection) -> None:
        owed_evidence.note_refused_store(connection, "mlflow", NOW)

    def try_now(connection: Connection) -> None:
        owed_evidence.try_now(connection, ["mlflow"], NOW)

    in_turn(engine, note, try_now, then=note_store)
    assert [row.evidence_due_at for row in rows(engine, outbox_table)] == [NOW]


def test_a_pause_that_waited_for_an_outage_does_not_end_it(engine: Engine) -> None:
    def note_blocked(connection: Connection) -> None:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Random(1), now=NOW)

    def pause(connection: Connection) -> None:
        provider_state.pause(connection, "mlflow", DUE)

    with writing(engine) as connection:
        provider_state.note_ready(connection, "mlflow", NOW)
    in_turn(engine, note_blocked, pause)
    (row,) = rows(engine, provider_table)
    assert (row.state, row.reason, row.paused_at) == ("blocked", "no key", DUE)


def test_a_try_that_waited_for_a_deletion_records_no_words(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)

    def delete(connection: Connection) -> None:
        deletion.delete(connection, delivery.result.test_id, delivery.result.user_id, NOW)

    def note(connection: Connection) -> None:
        owed_evidence.note(connection, delivery.id, REFUSED, DUE)

    in_turn(engine, delete, note)
    assert [row.evidence_reason for row in rows(engine, outbox_table)] == [None]
