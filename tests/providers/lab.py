"""Real drains of one provider, over a database that the test can look into and change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select, update

from fairmind_sync.outbox import delivery_lookup, workload
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter
from fairmind_sync.outbox.provider_state import ProviderState
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import new_result
from tests.providers import drains
from tests.support.deliveries import save_with


class Lab:
    """Saves results and drains them in processes of their own."""

    def __init__(self, engine: Engine, provider: ProviderName, env: dict[str, str]) -> None:
        url = engine.url.render_as_string()
        self.engine = engine
        self.provider = provider
        self.env = {"MLOPS_PROVIDER": provider, "FAIRMIND_SYNC_DATABASE_URL": url} | env
        self.settings = Settings(provider=provider, database_url=url)

    def save(self, **changes: Any) -> None:
        save_with(self.settings, [new_result(**changes)])

    def drain(self, **env: str) -> DeliveryRecord:
        """Drains once; the newest delivery afterwards."""
        drains.drain(self.env | env)
        return self.records()[0]

    def records(self) -> list[DeliveryRecord]:
        """Newest first."""
        with reading(self.engine) as connection:
            return delivery_lookup.deliveries(connection, RunFilter())

    def key(self) -> str:
        """The only delivery's key."""
        with reading(self.engine) as connection:
            return str(connection.execute(select(outbox_table.c.delivery_key)).scalar_one())

    def write(self, **values: Any) -> None:
        """Changes every delivery."""
        with writing(self.engine) as connection:
            connection.execute(update(outbox_table).values(**values))

    def state(self) -> ProviderState:
        with reading(self.engine) as connection:
            return workload.backlog(connection, self.provider).state
