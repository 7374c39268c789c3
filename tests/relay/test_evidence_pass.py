"""Missing evidence is tried run by run, and stops at the first that a store refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.clock import utc_now
from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.outbox import provider_state
from fairmind_sync.relay.evidence_pass import EvidencePass
from fairmind_sync.results.delivery import OwedEvidence
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table, provider_table, results_table
from fairmind_sync.testing import FakeProvider
from tests.support.databases import rows
from tests.support.deliveries import delivered, pass_time, save
from tests.support.log_events import captured_logs

pytestmark = pytest.mark.both_databases

REFUSED = EvidenceState("refused", "no rights, says the token abc")
GONE = EvidenceState("refused", "the run was deleted", is_final=True)


@dataclass
class Store(FakeProvider):
    """A provider that keeps what it is asked for, and answers from a script."""

    states: list[EvidenceState] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def add_evidence(self, owed: OwedEvidence) -> EvidenceState:
        self.asked.append(owed.delivery_id)
        return self.states.pop(0) if self.states else ALL_STORED


def owe(engine: Engine, count: int) -> None:
    """Delivered runs whose evidence is due since long."""
    for _ in range(count):
        delivered(engine)
    with writing(engine) as connection:
        connection.execute(
            update(outbox_table).values(
                evidence_state="waiting",
                evidence_due_at=utc_now() - timedelta(days=1),
                finished_at=utc_now() - timedelta(minutes=10),
            )
        )
        provider_state.note_success(connection, "mlflow", utc_now())


def passing(engine: Engine, store: FakeProvider, **options: object) -> bool:
    return EvidencePass(engine, store, utc_now, **options).run()  # type: ignore[arg-type]


def states(engine: Engine) -> list[str]:
    return [row.evidence_state for row in rows(engine, outbox_table)]


def test_all_that_is_due_is_stored(engine: Engine) -> None:
    owe(engine, 3)
    store = Store()
    assert not passing(engine, store)
    assert (store.asked, states(engine)) == ([1, 2, 3], ["stored"] * 3)


def test_what_is_stored_is_told_with_its_run(engine: Engine) -> None:
    owe(engine, 1)
    with captured_logs() as events:
        passing(engine, Store())
    (row,) = rows(engine, outbox_table)
    assert events == [
        {
            "event": "evidence.stored",
            "log_level": "info",
            "provider": "mlflow",
            "delivery": row.id,
            "test_id": rows(engine, results_table)[0].test_id,
            "run_id": row.run_id,
        }
    ]


def test_nothing_more_is_tried_after_a_refusal(engine: Engine) -> None:
    owe(engine, 3)
    store = Store(states=[ALL_STORED, REFUSED])
    assert not passing(engine, store)
    assert not passing(engine, store)
    assert (store.asked, states(engine)) == ([1, 2], ["stored", "refused", "waiting"])


def test_a_run_that_is_gone_stops_nobody(engine: Engine) -> None:
    owe(engine, 2)
    passing(engine, Store(states=[GONE]))
    (gone, _) = rows(engine, outbox_table)
    assert (states(engine), gone.evidence_due_at) == (["refused", "stored"], None)


def test_the_next_try_is_as_far_away_as_the_delivery(engine: Engine) -> None:
    owe(engine, 1)
    before = utc_now()
    passing(engine, Store(states=[REFUSED]))
    (row,) = rows(engine, outbox_table)
    assert row.evidence_due_at >= before + timedelta(minutes=10)


def test_secrets_are_removed_from_the_reason(engine: Engine) -> None:
    owe(engine, 1)
    with captured_logs() as events:
        passing(engine, Store(states=[REFUSED]), secrets=("abc",))
    (row,) = rows(engine, outbox_table)
    assert "abc" not in row.evidence_reason
    assert events == [
        {
            "event": "evidence.missing",
            "log_level": "warning",
            "provider": "mlflow",
            "delivery": row.id,
            "test_id": rows(engine, results_table)[0].test_id,
            "state": "refused",
            "reason": row.evidence_reason,
        }
    ]


def test_a_store_that_works_again_ends_the_rest(engine: Engine) -> None:
    owe(engine, 1)
    passing(engine, Store(states=[REFUSED]))
    pass_time(engine)
    with writing(engine) as connection:
        connection.execute(update(provider_table).values(evidence_failing_since=utc_now()))
    passing(engine, Store())
    assert [row.evidence_failing_since for row in rows(engine, provider_table)] == [None]


def test_deliveries_go_first(engine: Engine) -> None:
    owe(engine, 2)
    save(engine, "mlflow", now=utc_now())
    store = Store()
    assert passing(engine, store)
    assert store.asked == [1]


def test_nothing_is_tried_when_it_is_time_to_stop(engine: Engine) -> None:
    owe(engine, 1)
    store = Store()
    passing(engine, store, should_stop=lambda: True)
    assert store.asked == []


def test_nothing_is_tried_at_a_paused_provider(engine: Engine) -> None:
    owe(engine, 1)
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", utc_now())
    store = Store()
    passing(engine, store)
    assert store.asked == []


def test_an_outage_leaves_the_evidence_as_it_was(engine: Engine) -> None:
    owe(engine, 1)
    with pytest.raises(ProviderOfflineError):
        passing(engine, FakeProvider(unavailable=ProviderOfflineError("it is away")))
    assert states(engine) == ["waiting"]


def test_each_try_is_watched(engine: Engine) -> None:
    owe(engine, 1)
    watched: list[timedelta | None] = []
    passing(engine, Store(), watch=watched.append)
    assert [one is None for one in watched] == [False, True]
