"""What a worker does with its provider, in this process: drains, sweeps, and what becomes of its errors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderBrokenError,
    ProviderNotInstalledError,
    ProviderOfflineError,
)
from fairmind_sync.providers.base import Ledger
from fairmind_sync.relay import worker
from fairmind_sync.relay.evidence_pass import EvidencePass
from fairmind_sync.relay.loop import Relay
from fairmind_sync.relay.unavailable import note_unavailable
from fairmind_sync.relay.worker_count import LARGE_BACKLOG, most_processes, processes_for
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import attempts_table, outbox_table, provider_table
from fairmind_sync.testing import FakeProvider
from tests.support.databases import rows
from tests.support.deliveries import save
from tests.support.log_events import captured_logs

DAY = timedelta(days=1)
SECRET = "correct-horse-battery"  # noqa: S105 no secret


@dataclass
class SweptProvider(FakeProvider):
    """Counts its sweeps, or can't be swept."""

    sweeps: list[Sequence[str]] = field(default_factory=list)
    trouble: Exception | None = None

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:  # noqa: ARG002 a Provider's
        self.sweeps.append(suspects)
        if self.trouble:
            raise self.trouble


class EndedError(Exception):
    """In the place of the end of this process."""


@pytest.fixture
def settings(configured: Settings) -> Settings:
    return configured.model_copy(
        update={"api_token": SecretStr(SECRET), "max_attempts": 7, "max_in_flight": 3}
    )


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []

    def exit_(code: int) -> None:
        codes.append(code)
        raise EndedError

    monkeypatch.setattr(os, "_exit", exit_)
    return codes


def use(monkeypatch: pytest.MonkeyPatch, provider: FakeProvider | Exception) -> None:
    """The worker opens this provider, or fails to."""

    def open_it(name: str, settings: Settings) -> FakeProvider:
        assert (name, settings.max_attempts) == ("mlflow", 7)
        if isinstance(provider, Exception):
            raise provider
        return provider

    monkeypatch.setattr(worker, "_provider", open_it)


def save_one(engine: Engine) -> None:
    save(engine, "mlflow", now=utc_now())


def state(engine: Engine) -> tuple[str, str | None]:
    (row,) = rows(engine, provider_table)
    return row.state, row.reason


def test_a_worker_delivers_what_is_due_in_its_name(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_one(engine)
    use(monkeypatch, provider := SweptProvider())
    worker.drain("mlflow", settings, parent="daemon")
    assert [row.status for row in rows(engine, outbox_table)] == ["delivered"]
    assert [row.worker for row in rows(engine, attempts_table)] == [worker_name(parent="daemon")]
    assert provider.sweeps == []


def test_a_worker_that_is_asked_for_nothing_more_only_drains(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither probes before that is due, nor sweeps, nor signs with a daemon's mark."""
    unclean(engine)
    with writing(engine) as connection:
        connection.execute(outbox_table.update().values(status="pending", finished_at=None))
    use(monkeypatch, provider := SweptProvider())
    worker.drain("mlflow", settings)
    *_, last = rows(engine, attempts_table)
    assert (last.worker, provider.sweeps) == (worker_name(), [])
    note_unavailable(engine, "mlflow", ProviderOfflineError("away", DAY), Random(1), utc_now)
    worker.drain("mlflow", settings)
    assert provider.probes == 0


@pytest.mark.parametrize(("name", "pace"), [("wandb", 80), ("mlflow", None)])
def test_a_worker_goes_by_its_settings(
    engine: Engine, settings: Settings, name: Any, pace: int | None
) -> None:
    relay = worker.drain_of(name, settings, "daemon").relay(FakeProvider(name))
    assert (relay.max_attempts, relay.most_leased, relay.most_a_second) == (7, 3, pace)
    assert (relay.worker, SECRET in relay.secrets) == (worker_name(parent="daemon"), True)


def test_a_worker_stops_and_is_watched_by_its_watchdog(engine: Engine, settings: Settings) -> None:
    relay = worker.drain_of("mlflow", settings).relay(FakeProvider())
    assert (relay.should_stop, relay.watch) == (
        worker._watchdog.should_stop,
        worker._watchdog.watch,
    )


@pytest.mark.parametrize("probe_now", [True, False])
def test_a_worker_probes_at_once_where_it_is_asked_to(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, probe_now: bool
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(Relay, "drain", lambda _relay, **given: asked.append(given["probe_now"]))
    use(monkeypatch, FakeProvider())
    worker.drain("mlflow", settings, probe_now=probe_now)
    assert asked == [probe_now]


def unclean(engine: Engine) -> None:
    """An attempt that may have made a run."""
    save_one(engine)
    Relay(engine, FakeProvider(), max_attempts=3).drain()
    with writing(engine) as connection:
        connection.execute(attempts_table.update().values(outcome="retry"))


def test_a_worker_sweeps_where_it_is_asked_to(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclean(engine)
    use(monkeypatch, provider := SweptProvider())
    worker.drain("mlflow", settings, and_sweep=True)
    assert provider.sweeps == [[row.delivery_key for row in rows(engine, outbox_table)]]


def test_a_worker_tries_missing_evidence_where_it_is_asked_to(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(EvidencePass, "run", lambda one: tried.append(one.provider.name))
    use(monkeypatch, FakeProvider())
    worker.drain("mlflow", settings)
    worker.drain("mlflow", settings, and_evidence=True)
    assert tried == ["mlflow"]


def test_a_worker_tries_missing_evidence_in_the_same_manner(
    engine: Engine, settings: Settings
) -> None:
    tries = worker.drain_of("mlflow", settings)._evidence_pass(provider := FakeProvider())
    assert (tries.engine.url, tries.provider) == (engine.url, provider)
    assert (tries.should_stop, tries.watch) == (
        worker._watchdog.should_stop,
        worker._watchdog.watch,
    )
    assert (SECRET in tries.secrets, tries.clock() <= utc_now()) == (True, True)


def test_a_provider_that_goes_away_in_its_sweep_is_offline_and_its_words_hold_no_secret(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclean(engine)
    use(monkeypatch, SweptProvider(trouble=ProviderOfflineError(f"no route with {SECRET}")))
    worker.drain("mlflow", settings, and_sweep=True)
    assert state(engine) == ("offline", "no route with [hidden]")


def test_an_enabled_provider_that_is_not_installed_is_blocked(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, ProviderNotInstalledError("pip install it"))
    worker.drain("mlflow", settings)
    assert state(engine) == ("blocked", "pip install it")


def test_a_provider_that_broke_ends_the_process(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, exits: list[int]
) -> None:
    save_one(engine)
    use(monkeypatch, FakeProvider(script=[ProviderBrokenError("the core died")]))
    with captured_logs() as events, pytest.raises(EndedError):
        worker.drain("mlflow", settings)
    told = [(one["provider"], one["reason"]) for one in events if one["event"] == "worker.broken"]
    assert (exits, told) == ([worker.BROKEN], [("mlflow", "the core died")])


def test_a_bug_in_a_provider_is_not_hidden(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        worker.drain("mlflow", settings)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (None, None),
        (ProviderBlockedError(f"wrong {SECRET}"), ("blocked", "wrong [hidden]")),
        (ProviderOfflineError(f"no {SECRET}"), ("offline", "no [hidden]")),
    ],
    ids=["none", "blocked", "offline"],
)
def test_the_trouble_of_a_provider_is_its_state_and_the_reason(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, trouble: Any, told: Any
) -> None:
    use(monkeypatch, FakeProvider(unavailable=trouble))
    assert worker.trouble_of("mlflow", settings) == told


def test_a_provider_that_is_not_installed_is_trouble(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, ProviderNotInstalledError("pip install it"))
    assert worker.trouble_of("mlflow", settings) == ("blocked", "pip install it")


def test_a_provider_is_opened_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(worker, "open_provider", lambda *given: opened.append(given))
    worker._provider.cache_clear()
    for _ in range(2):
        worker._provider("mlflow", settings)
    worker._provider.cache_clear()
    assert opened == [("mlflow", settings)]


class Parent:
    """A process that has ended already."""

    def __init__(self) -> None:
        self.is_joined = False

    def join(self) -> None:
        self.is_joined = True


def test_a_worker_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch, exits: list[int]) -> None:
    parent = Parent()
    monkeypatch.setattr(worker, "parent_process", lambda: parent)
    with pytest.raises(EndedError):
        worker._end_with_parent()
    assert (parent.is_joined, exits) == (True, [worker.ORPHANED])


def test_a_process_without_a_parent_does_not_end(exits: list[int]) -> None:
    worker._end_with_parent()
    assert exits == []


def test_a_worker_signs_with_host_process_and_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "host")
    names = [worker_name(7), worker_name(7, "daemon"), worker_name()]
    assert names == ["host:7", "host:7:daemon", f"host:{os.getpid()}"]


def test_a_large_backlog_is_worth_all_of_a_providers_processes() -> None:
    most = most_processes("wandb")
    found = [processes_for("wandb", count) for count in (0, LARGE_BACKLOG - 1, LARGE_BACKLOG)]
    assert (found, most > 1) == ([1, 1, most], True)
