"""A dispatcher to look at, for the tests of what it starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from fairmind_sync.settings import Settings
from tests.daemon.fakes import Stand


@pytest.fixture
def stand(engine: Engine, configured: Settings) -> Iterator[Stand]:
    yield from standing(engine, configured)


def standing(engine: Engine, settings: Settings) -> Iterator[Stand]:
    stand = Stand(engine, settings)
    yield stand
    for slot in stand.pool:
        slot.empty()
