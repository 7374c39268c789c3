"""A home without a network, couriers with one, the sticks between them, and a provider that makes runs."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path

from sqlalchemy import Engine, update

from fairmind_sync.errors import BundleError, LeaseLostError
from fairmind_sync.handover import identity, partners, reading_bundles, taking_back, writing_bundles
from fairmind_sync.handover.identity import OwnSite
from fairmind_sync.handover.reading_bundles import ReadReport
from fairmind_sync.handover.writing_bundles import Sender, WrittenBundle
from fairmind_sync.outbox import (
    bundle_log,
    claims,
    deletion,
    outcomes,
    retry_discard,
    saving,
)
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter, find
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import open_engine, reading, writing
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import new_result
from tests.support.deliveries import LEASE

NAMES = ("home", "courier", "other")
MOST = 10**9


class ModelProvider:
    """Makes a run for each create, as MLflow does: whoever doesn't look for the key first makes a second."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}
        self.finished: set[str] = set()
        self._numbers = count(1)

    def find(self, key: str) -> str | None:
        return next((run_id for run_id, of in self.runs.items() if of == key), None)

    def create(self, key: str) -> str:
        run_id = f"run-{next(self._numbers)}"
        self.runs[run_id] = key
        return run_id

    def made_twice(self) -> list[str]:
        return [key for key, number in Counter(self.runs.values()).items() if number > 1]


@dataclass
class Site:
    """A site of the world; `held` are deliveries that a worker of it holds."""

    engine: Engine
    own: OwnSite
    place: Path
    held: list[Delivery] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.own.public.name

    def save(self, **changes: object) -> None:
        with writing(self.engine) as connection:
            saving.save(connection, new_result(**changes), ["mlflow"], datetime.now(UTC))

    def sender(self, to: Site) -> Sender:
        return Sender(self.engine, self.own, to.own.public)

    def export(
        self,
        to: Site,
        wanted: RunFilter | None = None,
        *,
        most_bytes: int = MOST,
        is_encrypted: bool = False,
        again: bool = False,
    ) -> WrittenBundle:
        return writing_bundles.export(
            self.sender(to),
            self._new_file(),
            wanted or RunFilter(),
            most_bytes=most_bytes,
            is_encrypted=is_encrypted,
            again=again,
        )

    def receipts(self, to: Site, *, is_encrypted: bool = False) -> WrittenBundle:
        return writing_bundles.write_receipts(
            self.sender(to), self._new_file(), is_encrypted=is_encrypted
        )

    def read(self, file: Path) -> ReadReport:
        return reading_bundles.read(self.engine, self.own, file, (), most_bytes=MOST)

    def take_back(self, bundle_key: str) -> int:
        bundle, _ = taking_back.bundle_named(self.engine, bundle_key)
        return taking_back.take_back(self.engine, bundle)

    def bundles_out(self) -> list[str]:
        with reading(self.engine) as connection:
            every = bundle_log.newest(connection, 10_000)
        return [one.bundle_key for one in every if (one.direction, one.kind) == ("out", "results")]

    def records(self) -> list[DeliveryRecord]:
        return find(self.engine, RunFilter(is_oldest_first=True))

    def statuses(self) -> list[str]:
        return [one.status for one in self.records()]

    def claim(self, limit: int = 10) -> list[Delivery]:
        with writing(self.engine) as connection:
            return claims.claim(
                connection,
                "mlflow",
                limit=limit,
                lease=LEASE,
                worker="h:1",
                now=datetime.now(UTC),
                abandoned=True,
            )

    def deliver(self, provider: ModelProvider, *, dies: str | None = None) -> int:
        """Delivers what is due; `dies` before the create, after it, or is 'refused' for good."""
        claimed = self.claim()
        for delivery in claimed:
            with suppress(LeaseLostError):
                self._deliver(delivery, provider, dies)
        return len(claimed)

    def _deliver(self, delivery: Delivery, provider: ModelProvider, dies: str | None) -> None:
        now = datetime.now(UTC)
        with writing(self.engine) as connection:
            if dies == "refused":
                outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "too odd", now)
                return
            outcomes.note_creating(connection, delivery, "memory", now)
        if dies == "before":
            return
        was_tried = delivery.create_attempted_at is not None
        found = delivery.run_id or (provider.find(delivery.key) if was_tried else None)
        run_id = found or provider.create(delivery.key)
        if dies == "after":
            return
        provider.finished.add(run_id)
        with writing(self.engine) as connection:
            run = Run(run_id, f"https://provider.example/{run_id}")
            outcomes.record_delivered(connection, delivery, run, "memory", now)

    def end_leases(self) -> None:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        with writing(self.engine) as connection:
            connection.execute(
                update(outbox_table)
                .where(outbox_table.c.lease_token.is_not(None))
                .values(lease_expires_at=long_ago, due_at=long_ago)
            )

    def retry(self, *ids: int) -> int:
        with writing(self.engine) as connection:
            return retry_discard.retry(connection, ids, datetime.now(UTC))

    def discard(self, *ids: int) -> int:
        with writing(self.engine) as connection:
            return retry_discard.discard(connection, ids, "no use", datetime.now(UTC))

    def delete(self, test_id: str) -> None:
        with writing(self.engine) as connection:
            deletion.delete(connection, test_id, "user-1", datetime.now(UTC))

    def refusal(self, file: Path) -> str | None:
        """Why the file is refused; None if it is read."""
        try:
            self.read(file)
        except BundleError as error:
            return str(error)
        return None

    def _new_file(self) -> Path:
        sticks = self.place.parent / "sticks"
        sticks.mkdir(exist_ok=True)
        return sticks / f"{len([*sticks.iterdir()]):04}-{self.name}.bundle"


@lru_cache(maxsize=1)
def _template() -> Path:
    """Sites that trust each other, made once: to make a schema takes long."""
    place = Path(tempfile.mkdtemp())
    made = []
    for name in NAMES:
        (place / name).mkdir()
        engine = schema.ready_engine(f"sqlite:///{place / name / 'outbox.db'}")
        site = identity.rename(engine, identity.own_site(engine, None), name)
        made.append(Site(engine, site, place / name))
    for one in made:
        for other in made:
            if other is not one:
                partners.trust(one.engine, one.own.public, other.own.public)
    for one in made:
        one.engine.dispose()
    return place


def world(place: Path) -> tuple[Site, Site, Site]:
    """A home and two couriers, who trust each other, in new directories of the place."""
    made = []
    for name in NAMES:
        shutil.copytree(_template() / name, place / name)
        engine = open_engine(f"sqlite:///{place / name / 'outbox.db'}")
        made.append(Site(engine, identity.own_site(engine, None), place / name))
    return made[0], made[1], made[2]


def at_the_couriers(home: Site, courier: Site) -> None:
    home.save(test_id="t")
    courier.read(home.export(courier).file)
