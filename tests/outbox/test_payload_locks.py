"""A payload is erased by one transaction while another makes a delivery of the result pending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from fairmind_sync.outbox import deletion, outcomes, pruning, repairs, retry_discard, saving
from fairmind_sync.outbox.enqueuing import enqueue
from fairmind_sync.outbox.payload_locks import keep_payloads
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import PENDING
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import RUN, claim, save
from tests.support.turns import in_turn

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

LATER = NOW + timedelta(days=2)
DAY = timedelta(days=1)


def deliver(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)


def bury(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")
    (delivery,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "it is too large", NOW)


def save_again(connection: Connection) -> None:
    saving.save(connection, new_result(test_id="t"), ["mlflow", "wandb"], LATER)


def fill_back(connection: Connection) -> None:
    enqueue(connection, keep_payloads(connection, [1]), ["wandb"], LATER)


def reopen(connection: Connection) -> None:
    (key,) = connection.execute(text("SELECT delivery_key FROM fairmind_sync.outbox")).scalars()
    repairs.reopen(connection, "mlflow", key, "it was opened again", LATER)


def retry(connection: Connection) -> None:
    retry_discard.retry(connection, [1], LATER)


def prune(connection: Connection) -> None:
    pruning.prune(connection, [1], DAY, LATER)


def delete(connection: Connection) -> None:
    deletion.delete(connection, "t", "user-1", LATER)


PAIRS = [
    pytest.param(deliver, save_again, prune),
    pytest.param(deliver, save_again, delete),
    pytest.param(deliver, fill_back, prune),
    pytest.param(deliver, fill_back, delete),
    pytest.param(deliver, reopen, prune),
    pytest.param(deliver, reopen, delete),
    pytest.param(bury, retry, delete),
]


def empty_deliveries(engine: Engine) -> list[str]:
    """To whom something is pending that has no payload any more."""
    erased = {row.id for row in rows(engine, results_table) if row.erased_at}
    return [
        row.provider
        for row in rows(engine, outbox_table)
        if row.status == PENDING and row.result_id in erased
    ]


@pytest.mark.parametrize("wakes_first", [True, False], ids=["woken first", "erased first"])
@pytest.mark.parametrize(("made", "wake", "erase"), PAIRS)
def test_nothing_is_pending_without_its_payload(
    engine: Engine,
    made: Callable[[Engine], None],
    wake: Callable[[Connection], None],
    erase: Callable[[Connection], None],
    wakes_first: bool,
) -> None:
    made(engine)
    in_turn(engine, *((wake, erase) if wakes_first else (erase, wake)))
    assert empty_deliveries(engine) == []
