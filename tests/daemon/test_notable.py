"""How news are worded."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from fairmind_sync.daemon.notable import news
from fairmind_sync.outbox import provider_state
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from tests.support.clock import NOW


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (119, "1 min"), (7200, "2 h"), (345_600, "4 d")]
)
def test_a_time_is_told_in_the_unit_that_fits(engine: Engine, seconds: int, words: str) -> None:
    settings = Settings(provider="mlflow", webhook_after=timedelta(seconds=1))
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Random(1), now=NOW)
        (told,) = news(connection, settings, NOW, NOW + timedelta(seconds=seconds))
    assert told.text.startswith(f"mlflow has been blocked for {words}, 0 deliveries wait: no key.")
