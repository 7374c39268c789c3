"""All mistakes, and the world with and without one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from fairmind_sync.outbox import provider_state
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter, deliveries
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.schema import ready_engine
from tests.conftest import API_KEY
from tests.standins.impostor import impostor
from tests.system.mistakes.mistake import Mistake, World
from tests.system.mistakes.of_gateways import OF_GATEWAYS
from tests.system.mistakes.of_mlflow import OF_MLFLOW
from tests.system.mistakes.of_wandb import OF_WANDB

MISTAKES = (*OF_MLFLOW, *OF_WANDB, *OF_GATEWAYS)
RESULT = (
    '{"test_id": "test-1", "model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}'
)


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
def wrong(
    world: World, mistake: Mistake, env: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The environment with the mistake, and the mended one, in a world that is spoilt during the block."""
    mistake.spoil(world)
    with ExitStack() as stack:
        names = {
            "impostor": stack.enter_context(impostor(mistake.answer)),
            "place": str(world.place),
            "mlflow": world.proxy.uri,
            "wandb": world.wandb.base_url,
        }
        if mistake.gateway is not None:
            uri = names[mistake.provider]
            names |= stack.enter_context(mistake.gateway.open(uri, world.place))
        spoilt = {**env, **_filled(mistake.env, names)}
        yield spoilt, {**spoilt, **_filled(mistake.mended, names)}
    mistake.mend(world)


def _filled(variables: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {name: text.format(**names) for name, text in variables.items()}


def found(database_url: str) -> DeliveryRecord:
    with reading(ready_engine(database_url)) as connection:
        (record,) = deliveries(connection, RunFilter())
    return record


def told(database_url: str, provider: ProviderName) -> tuple[str, str]:
    """The provider's state and the reason."""
    with reading(ready_engine(database_url)) as connection:
        state = provider_state.read(connection, provider)
    return state.state, str(state.reason)
