"""Whatever is wrong at the providers' end, or in the settings: nothing is lost, and no attempt is used up.

Each situation is met by a drain and by a daemon. The provider's state and sentence are as the matrix says;
once the mistake is mended, the result is delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter, deliveries
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.schema import ready_engine
from tests.conftest import API_KEY
from tests.standins.impostor import impostor
from tests.standins.mlflow_proxy import mlflow_proxy
from tests.standins.wandb import serve_wandb
from tests.support.diagonals import diagonals
from tests.support.processes import command, eventually, running_daemon
from tests.system.mistakes.mistake import UNDECIDED, Mistake, World
from tests.system.mistakes.of_mlflow import OF_MLFLOW
from tests.system.mistakes.of_wandb import OF_WANDB

MISTAKES = (*OF_MLFLOW, *OF_WANDB)
RESULT = (
    '{"test_id": "test-1", "model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}'
)


@pytest.fixture
def world(mlflow_uri: str, tmp_path: Path) -> Iterator[World]:
    with mlflow_proxy(mlflow_uri) as proxy, serve_wandb({API_KEY}) as wandb:
        yield World(proxy, wandb, tmp_path)


def right(world: World, mistake: Mistake, database_url: str) -> dict[str, str]:
    """The environment without the mistake."""
    return {
        "MLOPS_PROVIDER": mistake.provider,
        "WANDB_API_KEY": API_KEY,
        "WANDB_BASE_URL": world.wandb.base_url,
        "MLFLOW_TRACKING_URI": world.proxy.uri,
        "MLFLOW_EXPERIMENT_NAME": "mistakes",
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
    }


@contextmanager
def wrong(world: World, mistake: Mistake, env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment with the mistake, in a world that is spoilt during the block."""
    mistake.spoil(world)
    with impostor(mistake.answer) as address:
        names = {
            "impostor": address,
            "place": str(world.place),
            "mlflow": world.proxy.uri,
            "wandb": world.wandb.base_url,
        }
        yield {**env, **{name: text.format(**names) for name, text in mistake.env.items()}}
    mistake.mend(world)


def found(database_url: str) -> DeliveryRecord:
    with reading(ready_engine(database_url)) as connection:
        (record,) = deliveries(connection, RunFilter())
    return record


def told(database_url: str, mistake: Mistake) -> tuple[str, str]:
    """The provider's state and the reason."""
    with reading(ready_engine(database_url)) as connection:
        state = provider_state.read(connection, mistake.provider)
    return state.state, str(state.reason)


def is_as_promised(database_url: str, mistake: Mistake) -> None:
    record = found(database_url)
    assert (record.status, record.attempts) == ("pending", 0)
    if mistake.state == UNDECIDED:
        assert record.provider == UNDECIDED
        return
    state, reason = told(database_url, mistake)
    assert (state, mistake.words in reason) == (mistake.state, True), reason


@pytest.mark.parametrize(
    ("mistake", "way"), diagonals(MISTAKES, ["drain", "daemon"], apart=6), ids=str
)
def test_a_mistake(
    mistake: Mistake, way: str, world: World, database_url: str, tmp_path: Path
) -> None:
    env = right(world, mistake, database_url)
    with wrong(world, mistake, env) as spoilt:
        command("save", "-", env=spoilt, stdin=RESULT)
        WAYS[way](spoilt, mistake, tmp_path)
        is_as_promised(database_url, mistake)
    command("drain", env=env)
    assert found(database_url).status == "delivered"


def by_drain(env: dict[str, str], _mistake: Mistake, _cwd: Path) -> None:
    assert command("drain", env=env, check=False).returncode == 1


def by_daemon(env: dict[str, str], mistake: Mistake, cwd: Path) -> None:
    with running_daemon(env, cwd) as daemon:
        if mistake.state != UNDECIDED:
            daemon.event(f"provider.{mistake.state}")
        eventually(lambda: found(env["FAIRMIND_SYNC_DATABASE_URL"]).lease_expires_at is None)
        assert daemon.stop() == 0
        assert not daemon.seen("provider.recovered")


WAYS: dict[str, Any] = {"drain": by_drain, "daemon": by_daemon}
