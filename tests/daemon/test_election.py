"""Which process of a host delivers: the first one; who stands by takes over, whatever a first try met."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.daemon import election
from fairmind_sync.daemon.election import Election
from fairmind_sync.errors import StorageError

LONG_S = 60.0
"""So long a busy machine may take for what an idle one does at once."""


class Schedulers:
    """Makes schedulers that only say that they run; each start raises what is next in `troubles`."""

    def __init__(self, *troubles: Exception) -> None:
        self._troubles = [*troubles]
        self.run = threading.Event()
        self.tries = 0

    def __call__(self) -> Any:
        return self

    def start(self) -> None:
        self.tries += 1
        if self._troubles:
            raise self._troubles.pop(0)
        self.run.set()

    def stop(self) -> None:
        self.run.clear()


@pytest.fixture(autouse=True)
def _tries_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(election, "TRY_EVERY_S", 0.01)


@pytest.fixture
def leader(engine: Engine) -> Iterator[Election]:
    """Another process of the host, which delivers."""
    elected = Election(engine, Schedulers(), always_delivers=False)
    elected.start()
    yield elected
    elected.stop()


def test_the_first_process_delivers_at_once(engine: Engine) -> None:
    schedulers = Schedulers()
    elected = Election(engine, schedulers, always_delivers=False)
    elected.start()
    assert schedulers.run.is_set()
    elected.stop()
    assert not schedulers.run.is_set()


def test_who_stands_by_starts_nothing_and_ends_when_asked(engine: Engine, leader: Election) -> None:
    schedulers = Schedulers()
    standing_by = Election(engine, schedulers, always_delivers=False)
    standing_by.start()
    standing_by.stop()
    assert schedulers.tries == 0


@pytest.mark.parametrize(
    "trouble", [StorageError("the disk is full"), RuntimeError("can't start new thread")]
)
def test_who_stands_by_takes_over_whatever_its_first_try_met(
    engine: Engine, leader: Election, trouble: Exception
) -> None:
    schedulers = Schedulers(trouble)
    standing_by = Election(engine, schedulers, always_delivers=False)
    standing_by.start()
    leader.stop()
    assert schedulers.run.wait(LONG_S)
    standing_by.stop()
    assert schedulers.tries == 2
