"""Whom `log_bias_test` waits for, and how it waits beside an event loop."""

from __future__ import annotations

import asyncio
import time
from random import Random
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from sqlalchemy import Engine

from fairmind_sync import mlops_integration as service
from fairmind_sync.clock import utc_now
from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderOfflineError,
    ProviderUnavailableError,
)
from fairmind_sync.operating import actions
from fairmind_sync.relay.unavailable import note_unavailable
from fairmind_sync.storage.tables import results_table
from fairmind_sync.testing import FakeProvider
from tests.support.backend_calls import enter
from tests.support.by_hand import DISABLED, beat, delivering, log, log_async
from tests.support.databases import rows

pytestmark = pytest.mark.both_databases


@pytest.fixture(autouse=True)
def _backend(database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a backend with MLflow, and a daemon that is alive."""
    enter(monkeypatch, database_url, "mlflow")
    beat(engine)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_seconds: float) -> NoReturn:
        raise AssertionError("it waits")

    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=time.monotonic, sleep=refuse))


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("error", [ProviderOfflineError("away"), ProviderBlockedError("no key")])
def test_a_provider_that_takes_nothing_is_not_waited_for(
    engine: Engine, error: ProviderUnavailableError
) -> None:
    note_unavailable(engine, "mlflow", error, Random(0), utc_now)
    assert log()["mlflow"]["status"] == "pending"


@pytest.mark.usefixtures("no_waiting")
def test_a_paused_provider_is_not_waited_for(engine: Engine) -> None:
    actions.pause(engine, "mlflow")
    assert log()["mlflow"]["status"] == "pending"


@pytest.mark.usefixtures("no_waiting")
def test_a_provider_that_is_still_to_be_named_is_not_waited_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, database_url, "mlflwo")
    assert log()["undecided"]["status"] == "pending"


def test_beside_a_provider_that_is_away_the_other_is_waited_for(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, database_url, "both")
    actions.pause(engine, "wandb")
    with delivering(engine, FakeProvider("mlflow")):
        logged = log()
    assert [logged[name]["status"] for name in ("wandb", "mlflow")] == ["pending", "delivered"]


@pytest.mark.usefixtures("no_waiting")
def test_an_event_loop_is_not_held_up() -> None:
    async def call() -> dict[str, dict[str, Any]]:
        return log()

    assert asyncio.run(call())["mlflow"]["status"] == "pending"


def test_a_thread_beside_an_event_loop_waits(engine: Engine) -> None:
    async def call() -> dict[str, dict[str, Any]]:
        return await asyncio.to_thread(log)

    with delivering(engine, FakeProvider()):
        assert asyncio.run(call())["mlflow"]["status"] == "delivered"


def test_the_awaitable_twin_waits_for_the_delivery(engine: Engine) -> None:
    with delivering(engine, FakeProvider()):
        assert asyncio.run(log_async())["mlflow"]["status"] == "delivered"


def test_the_awaitable_twin_answers_alike() -> None:
    assert asyncio.run(log_async(wait=0)) == log(wait=0)


def test_the_awaitable_twin_saves_nothing_where_nothing_is_enabled(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, database_url, "none")
    logged = asyncio.run(log_async())
    assert (logged, rows(engine, results_table)) == ({"wandb": DISABLED, "mlflow": DISABLED}, [])


def test_calls_that_wait_leave_the_loops_threads_to_others(engine: Engine) -> None:
    async def work_while_many_wait(count: int = 50) -> str:
        calls = [asyncio.create_task(log_async(test_id=f"t{number}")) for number in range(count)]
        while len(await asyncio.to_thread(rows, engine, results_table)) < count:  # noqa: ASYNC110 threads save
            await asyncio.sleep(0.01)
        done = await asyncio.to_thread(lambda: "done")
        assert not any(call.done() for call in calls)
        await asyncio.to_thread(actions.pause, engine, "mlflow")  # ends the waits
        await asyncio.gather(*calls)
        return done

    assert asyncio.run(work_while_many_wait()) == "done"
