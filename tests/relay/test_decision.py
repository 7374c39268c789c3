"""Undecided deliveries are decided as soon as MLOPS_PROVIDER makes sense, and no earlier."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import enqueuing, undecided
from fairmind_sync.relay.decision import decide
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time
from fairmind_sync.storage.tables import outbox_table
from tests.support.databases import rows
from tests.support.deliveries import save
from tests.support.log_events import captured_logs


def owed(engine: Engine) -> list[str]:
    return [row.provider for row in rows(engine, outbox_table)]


def decided(engine: Engine, settings: Settings) -> list[Any]:
    with captured_logs() as events:
        decide(engine, settings)
    return events


def test_what_is_undecided_is_owed_to_the_enabled_providers_and_told(
    engine: Engine, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undecided, "MOST_IDS", 2)
    monkeypatch.setattr(enqueuing, "MOST_IDS", 2)
    for number in range(3):
        save(engine, "undecided", test_id=f"test-{number}")
    told = {"event": "deliveries.decided", "log_level": "info"}
    assert decided(engine, configured) == [{**told, "count": 3, "providers": ("wandb", "mlflow")}]
    assert owed(engine) == ["wandb", "mlflow"] * 3


def test_it_is_due_at_once(engine: Engine, configured: Settings) -> None:
    save(engine, "undecided")
    before = current_time(engine)
    decide(engine, configured)
    assert before <= rows(engine, outbox_table)[0].due_at <= current_time(engine)


@pytest.mark.parametrize("provider", ["none", "wandb,undecided"])
def test_nothing_is_decided_while_the_variable_names_none_or_a_wrong_one(
    engine: Engine, configured: Settings, provider: str
) -> None:
    save(engine, "undecided")
    settings = configured.model_copy(update={"provider": provider})
    assert (decided(engine, settings), owed(engine)) == ([], ["undecided"])


def test_where_nothing_is_undecided_nothing_is_told(engine: Engine, configured: Settings) -> None:
    save(engine, "mlflow")
    assert decided(engine, configured) == []
