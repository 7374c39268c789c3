"""The command line's drain, with pools that start no process: which drains there are, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.relay import drain as command
from fairmind_sync.relay import worker, worker_count
from fairmind_sync.settings import Settings
from tests.support.deliveries import dead, save
from tests.support.log_events import captured_logs


class Pool:
    """Notes what it was given; its work ends at once, as the test says."""

    made: list[Pool]
    error: Exception | None

    def __init__(self, most: int, context: Any, initializer: Any, initargs: Any) -> None:
        self.most, self.start_method = most, context.get_start_method()
        self.initializer, (self.settings, self.flags) = initializer, initargs
        self.given: tuple[Any, ...] = ()
        self.options: dict[str, Any] = {}
        self.stopped: bool | None = None
        Pool.made.append(self)

    def submit(self, work: Callable[..., None], *given: Any, **options: Any) -> Future[None]:
        self.given, self.options = (work, *given), options
        future: Future[None] = Future()
        if Pool.error:
            future.set_exception(Pool.error)
        else:
            future.set_result(None)
        return future

    def shutdown(self) -> None:
        self.stopped = self.flags.stop.value


@pytest.fixture(autouse=True)
def pools(monkeypatch: pytest.MonkeyPatch) -> list[Pool]:
    Pool.made, Pool.error = [], None
    monkeypatch.setattr(command, "ProcessPoolExecutor", Pool)
    return Pool.made


def test_each_enabled_provider_gets_a_process_that_probes_and_sweeps(
    engine: Engine, configured: Settings, pools: list[Pool]
) -> None:
    command.drain_once(engine, configured)
    assert [pool.given for pool in pools] == [
        (worker.drain, name, configured) for name in ("wandb", "mlflow")
    ]
    assert [pool.options for pool in pools] == [
        {"probe_now": True, "and_sweep": True, "and_evidence": True}
    ] * 2
    assert {(pool.most, pool.start_method, pool.initializer) for pool in pools} == {
        (1, "spawn", worker.start)
    }
    assert len({id(pool.flags) for pool in pools}) == 2


def test_no_evidence_is_added_where_none_is_wanted(
    engine: Engine, configured: Settings, pools: list[Pool]
) -> None:
    command.drain_once(engine, configured.model_copy(update={"evidence": "none"}))
    assert [pool.options["and_evidence"] for pool in pools] == [False, False]


def test_a_large_backlog_gets_a_second_process_that_neither_probes_nor_sweeps(
    engine: Engine, configured: Settings, pools: list[Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_count, "LARGE_BACKLOG", 1)
    save(engine, "wandb")
    command.drain_once(engine, configured)
    found = [
        (pool.given[1], pool.options["probe_now"], pool.options["and_sweep"]) for pool in pools
    ]
    assert found == [("wandb", True, True), ("wandb", False, False), ("mlflow", True, True)]


def test_what_is_left_is_told_by_provider(engine: Engine, configured: Settings) -> None:
    dead(engine)
    save(engine, "mlflow")
    told: list[dict[str, int]] = []
    assert command.drain_once(engine, configured, told.append) == {"mlflow": 2}
    assert told[-1] == {"mlflow": 2}


def test_what_is_left_is_of_enabled_providers(engine: Engine, configured: Settings) -> None:
    save(engine, "mlflow", "wandb")
    one = configured.model_copy(update={"provider": "wandb"})
    assert command.unfinished(engine, one) == {"wandb": 1}


def test_every_process_is_told_to_stop_before_it_is_waited_for(
    engine: Engine, configured: Settings, pools: list[Pool]
) -> None:
    command.drain_once(engine, configured)
    assert [pool.stopped for pool in pools] == [True, True]


def test_a_process_that_ended_early_is_told(engine: Engine, configured: Settings) -> None:
    Pool.error = BrokenProcessPool("it died")
    with captured_logs() as events:
        command.drain_once(engine, configured)
    told = sorted((event["event"], event["provider"], event["reason"]) for event in events)
    assert told == [
        ("worker.failed", name, "the worker process ended early") for name in ("mlflow", "wandb")
    ]


def test_a_bug_in_a_drain_is_raised_after_all_have_stopped(
    engine: Engine, configured: Settings, pools: list[Pool]
) -> None:
    Pool.error = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        command.drain_once(engine, configured)
    assert [pool.stopped for pool in pools] == [True, True]
