"""A provider that is offline at a known address: a connection is tried before a process is started."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fairmind_sync.daemon import dispatcher
from fairmind_sync.daemon.worker_slot import SlotState
from fairmind_sync.errors import StorageError
from fairmind_sync.storage.tables import provider_table
from tests.daemon.fakes import Stand, save_due
from tests.support.databases import rows

ADDRESS = "http://tracking.example:5000"


def answer(stand: Stand, refusal: str | None) -> list[str]:
    """What an address says; the list holds whom was asked."""
    asked: list[str] = []

    def say(address: str) -> str | None:
        asked.append(address)
        return refusal

    stand.refusal = say
    return asked


def test_where_the_address_is_known_a_connection_is_tried_first(stand: Stand) -> None:
    save_due(stand.engine, "mlflow")
    stand.offline(ADDRESS)
    assert stand.look() == []
    (started,) = stand.timers.started
    assert (started.executor, stand.slot().state) == ("default", SlotState.CONNECTING)


def test_an_address_that_answers_gets_a_worker_process(
    stand: Stand,
) -> None:
    asked = answer(stand, None)
    save_due(stand.engine, "mlflow")
    stand.offline(ADDRESS)
    stand.look()
    stand.timers.started[0].run()
    assert (asked, stand.timers.drains) == ([ADDRESS], [("mlflow", True, False)])


def test_an_address_that_refuses_is_noted_and_looked_at_again(
    stand: Stand,
) -> None:
    answer(stand, "nobody is there")
    save_due(stand.engine, "mlflow")
    stand.offline(ADDRESS)
    stand.look()
    stand.timers.started[0].run()
    (state,) = rows(stand.engine, provider_table)
    told = "the MLflow server can't be reached: nobody is there"  # as an attempt words it
    assert (state.state, state.reason, state.address) == ("offline", told, ADDRESS)
    assert (stand.slot().state, stand.next_look) == (SlotState.FREE, timedelta())
    assert stand.timers.drains == []


def test_an_address_that_answers_a_daemon_that_stops_gets_nothing(
    stand: Stand,
) -> None:
    answer(stand, None)
    save_due(stand.engine, "mlflow")
    stand.offline(ADDRESS)
    stand.look()
    stand.stopping.set()
    stand.timers.started[0].run()
    assert (stand.timers.drains, stand.slot().state) == ([], SlotState.FREE)


def test_a_refusal_that_can_not_be_noted_frees_the_slot(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise StorageError("the disk is full")

    answer(stand, "nobody is there")
    monkeypatch.setattr(dispatcher, "note_unavailable", fail)
    save_due(stand.engine, "mlflow")
    stand.offline(ADDRESS)
    stand.look()
    with pytest.raises(StorageError):
        stand.timers.started[0].run()
    assert stand.slot().is_free
