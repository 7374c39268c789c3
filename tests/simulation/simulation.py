"""One run: a plan carried out in a world of hosts, daemons, people and services, and then a calm.

In the calm nothing goes wrong any more: the network is whole, clocks are right, each host with a network has
a daemon, and couriers travel. All that is owed must then be delivered within a bound, and home must know of
it; then the oracle looks at what there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fairmind_sync.results.delivery import NewResult
from fairmind_sync.settings import Settings
from tests.simulation.carrying_out import CarryingOut
from tests.simulation.couriers import ROUND, Couriers
from tests.simulation.database import Database
from tests.simulation.faults import Faults
from tests.simulation.mlflow_service import MlflowService
from tests.simulation.moving import Move
from tests.simulation.plan import Plan
from tests.simulation.provider_log import ProviderLog
from tests.simulation.simulated_sites import SimulatedSite, Surroundings
from tests.simulation.stores import Stores
from tests.simulation.wandb_service import WandbService
from tests.simulation.world import World

LONGEST_CALM = 12 * 3600.0
"""Within so long after the last fault everything that is owed has to be delivered."""
_SWEEPS = 2 * 600.0 + 60.0
_LOOK_S = 30.0
_WORKERS_END = 120.0
"""Within so long an idle worker process is ended."""


@dataclass
class Simulation:
    """The parts of one run; `directory` holds its files: bundles, and the databases that are files."""

    plan: Plan
    stores: Stores
    directory: Path
    base: Settings
    deleted_runs: set[str] = field(default_factory=set)
    results: list[NewResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.plan.seed)
        self.faults = Faults(self.plan.faults)
        self.mlflow = MlflowService(self.world, "mlflow")
        self.wandb = WandbService(self.world, "wandb", lag=0.1)
        self.settings = self.base.model_copy(
            update={
                "max_attempts": self.plan.max_attempts,
                "evidence": self.plan.evidence,
                "retention": self.plan.retention and timedelta(seconds=self.plan.retention),
            }
        )
        around = Surroundings(self.world, self.faults, self.mlflow, self.wandb)
        self.databases: list[Database] = []
        self.sites = [
            SimulatedSite(
                *(around, self.settings, self._database_of(number), number),
                has_network=has_network,
            )
            for number, has_network in enumerate(self.plan.hosts)
        ]
        self.couriers = Couriers(self)
        self.log = ProviderLog(self)
        self._moves = 0

    def _database_of(self, number: int) -> Database:
        """A host's own, or the one of all hosts."""
        if self.plan.is_shared and self.databases:
            return self.databases[0]
        return self._new_database(f".{number}" if number else "")

    def _new_database(self, name: str) -> Database:
        file = self.directory / f"{self.plan.seed}.db{name}"
        self.databases.append(Database(self.world, self.stores, file, self.faults))
        return self.databases[-1]

    def move(self, site: SimulatedSite, *, in_haste: bool) -> None:
        """Has the site go on with a copy of its database, unless the site is moving already."""
        if not site.is_moving:
            self._moves += 1
            name = f".{site.number}" if site.number else ""
            to = self._new_database(f"{name}.copy-{self._moves}")
            Move(site, to).begin(in_haste=in_haste)

    @property
    def commits(self) -> int:
        return sum(database.commits for database in self.databases)

    def run(self) -> None:
        """Carries the plan out, and then lets everything come to rest."""
        for site in self.sites:
            if site.has_network:
                site.start_daemon()
        carrying_out = CarryingOut(self)
        for step in self.plan.steps:
            self.world.at(step.at, lambda step=step: carrying_out.do(step))  # type: ignore[misc]
        self.world.run(self.plan.hours * 3600.0)
        self._calm()
        self._rest()

    def close(self) -> None:
        for site in self.sites:
            site.close()
        self.world.run(self.world.now)
        for database in self.databases:
            database.store.remove()
        for bundle in self.directory.glob(f"{self.plan.seed}.db*"):
            bundle.unlink()

    def _calm(self) -> None:
        """Ends all trouble."""
        self.faults.are_over = True
        now = self.world.now
        for service in (self.mlflow, self.wandb):
            service.away_until = min(service.away_until, now)
            service.answers_until = min(service.answers_until, now)
            service.store.calm(now)
        self.wandb.lag = 0.1
        for site in self.sites:
            site.calm()
        for site in self.sites:
            site.kill_sleepers()
        self.world.run(now + 1.0)
        for site in self.sites:
            site.recover()
        self.couriers.travel_from_now_on()

    def _rest(self) -> None:
        """Waits until nothing is owed, nothing is on its way, sweeps have looked at that, and homes know."""
        until = self.world.now + LONGEST_CALM
        while self.world.now < until and not self._is_at_rest():
            self.world.run(self.world.now + _LOOK_S)
        on_their_way = (self.mlflow, self.wandb, self.couriers)
        arrived = max(self.world.now, *(one.busy_until for one in on_their_way))
        self._sleep_through(arrived - self.world.now)
        self.world.run(arrived + _SWEEPS)
        if not all(self.plan.hosts):
            self.couriers.travel()
            self.world.run(self.world.now + ROUND)
        while self.world.now < until + _SWEEPS and not self._is_at_rest():
            self.world.run(self.world.now + _LOOK_S)

    def _sleep_through(self, seconds: float) -> None:
        """While nothing but what is late is on its way, the machines sleep, as in a plan's nights."""
        self.world.run(self.world.now + min(seconds, _WORKERS_END))
        left = seconds - _WORKERS_END
        if left > _WORKERS_END and not any(site.host.workers for site in self.sites):
            self.couriers.stays_until = self.world.now + left
            for site in self.sites:
                site.host.sleep(left - 5.0)

    def _is_at_rest(self) -> bool:
        in_use = dict.fromkeys(site.database for site in self.sites)
        if any(site.has_network and self._owes_evidence(site.database) for site in self.sites):
            return False
        is_moving = any(site.is_moving for site in self.sites)
        return not is_moving and all(self._owes_nothing(one) for one in in_use)

    def _owes_evidence(self, database: Database) -> bool:
        """Whether evidence is missing that its store would take."""
        now = self.world.now
        taking = [one.name for one in (self.mlflow, self.wandb) if one.store.is_well(now)]
        owed = database.store.rows(
            "SELECT DISTINCT provider FROM outbox WHERE evidence_due_at IS NOT NULL"
        )
        return self.plan.evidence != "none" and any(row["provider"] in taking for row in owed)

    def _owes_nothing(self, database: Database) -> bool:
        owed = database.store.rows(
            "SELECT delivery_key FROM outbox WHERE status IN ('pending', 'handed_over')"
        )
        return not owed or {row["delivery_key"] for row in owed} <= self.deleted_keys()

    def deleted_keys(self) -> set[str]:
        """Returns the keys of deliveries whose run a user deleted at W&B, where a run's id is its key.

        Among them are homes' keys of deliveries that another site had made by itself, under a key of its own.
        """
        carried = [
            (row["carried"], row["held"])
            for database in self.databases
            for row in database.store.rows(
                "SELECT arrivals.delivery_key AS carried, outbox.delivery_key AS held"
                " FROM arrivals JOIN outbox ON outbox.id = delivery_id"
            )
        ]
        return self.deleted_runs | {home for home, held in carried if held in self.deleted_runs}
