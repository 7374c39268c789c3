"""What long runs play on: a real MLflow server behind a proxy, a stand-in of W&B, and one database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from fairmind_sync.demo.tracking_server import tracking_server
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.outbox import delivery_lookup, workload
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import reading
from tests.conftest import API_KEY
from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy
from tests.standins.wandb import StandInWandb, serve_wandb
from tests.support.deliveries import save_with

EXPERIMENT = "long-run"


@dataclass(frozen=True)
class Stage:
    """`more_env` is added to what daemons and commands get."""

    place: Path
    database_url: str
    mlflow_uri: str
    proxy: MlflowProxy
    wandb: StandInWandb
    more_env: Mapping[str, str]

    @property
    def env(self) -> dict[str, str]:
        return {
            "MLOPS_PROVIDER": "both",
            "WANDB_API_KEY": API_KEY,
            "WANDB_BASE_URL": self.wandb.base_url,
            "MLFLOW_TRACKING_URI": self.proxy.uri,
            "MLFLOW_EXPERIMENT_NAME": EXPERIMENT,
            "FAIRMIND_SYNC_DATABASE_URL": self.database_url,
            "TMPDIR": str(self.place),
            **self.more_env,
        }

    @property
    def engine(self) -> Engine:
        return schema.ready_engine(self.database_url)

    def save(self, numbers: range, to: str = "both") -> None:
        """Results named by number, in one transaction."""
        settings = Settings(provider=to, database_url=self.database_url)
        save_with(
            settings,
            [
                prepare(
                    test_id=f"test-{number}",
                    user_id=None,
                    model_id=f"model-{number % 7}",
                    dataset_id=None,
                    test_type="ml_bias",
                    results={"accuracy": number / 7, "groups": {"a": number}},
                    metadata={"n": number},
                    private_fields=(),
                )
                for number in numbers
            ],
        )

    def records(self, **wanted: Any) -> list[DeliveryRecord]:
        with reading(self.engine) as connection:
            return delivery_lookup.deliveries(connection, RunFilter(**wanted))

    def left(self) -> dict[str, int]:
        """What isn't delivered, by provider; without those that have nothing left."""
        with reading(self.engine) as connection:
            return workload.unfinished(connection, ("wandb", "mlflow"))


@contextmanager
def open_stage(
    place: Path, more_env: Mapping[str, str] | None = None, *, database_url: str | None = None
) -> Iterator[Stage]:
    """With a SQLite file there, unless a database is given."""
    url = database_url or f"sqlite:///{place / 'results.db'}"
    with ExitStack() as stack:
        uri = stack.enter_context(tracking_server(place))
        proxy = stack.enter_context(mlflow_proxy(uri))
        wandb = stack.enter_context(serve_wandb({API_KEY}))
        yield Stage(place, url, uri, proxy, wandb, more_env or {})
