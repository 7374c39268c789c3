"""A dispatcher to look at, for the tests of what it starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon import dispatcher
from fairmind_sync.settings import Settings
from tests.daemon.fakes import Stand
from tests.support.clock import Clock


@pytest.fixture
def stand(engine: Engine, configured: Settings) -> Iterator[Stand]:
    yield from standing(engine, configured)


@pytest.fixture
def held(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which the stand's dispatcher decides; it stands still."""
    clock = Clock(utc_now())
    stand.now = clock
    monkeypatch.setattr(dispatcher, "current_time", lambda _engine: clock())
    return clock


def standing(engine: Engine, settings: Settings) -> Iterator[Stand]:
    stand = Stand(engine, settings)
    yield stand
    for slot in stand.pool:
        slot.empty()
