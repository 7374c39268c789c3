"""Sites: each is a host with an outbox of its own, its daemons and its people."""

from __future__ import annotations

from dataclasses import dataclass

from fairmind_sync.results.delivery import Identity
from fairmind_sync.settings import Settings
from tests.simulation.daemons import Daemon
from tests.simulation.database import Database
from tests.simulation.faults import Faults
from tests.simulation.hosts import DATABASE, Host
from tests.simulation.mlflow_service import MlflowService
from tests.simulation.people import People
from tests.simulation.wandb_service import WandbService
from tests.simulation.world import Process, World

PROVIDERS = ("mlflow", "wandb")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sites share."""

    world: World
    faults: Faults
    mlflow: MlflowService
    wandb: WandbService


class SimulatedSite:
    """A host and its database; without a network nothing but sticks gets there."""

    def __init__(
        self,
        around: Surroundings,
        base: Settings,
        database: Database,
        number: int,
        *,
        has_network: bool,
    ) -> None:
        self.world = around.world
        self.faults = around.faults
        self.mlflow = around.mlflow
        self.wandb = around.wandb
        self.number, self.numbers = number, [number]
        self.has_network = has_network
        self.database = database
        self.settings = base.model_copy(update={"database_url": database.store.url})
        self.host = Host(self.world, f"host-{number}")
        self.people = People(self)
        self.daemons: list[Daemon] = []
        self.drains: list[Process] = []
        self.old_databases: list[Database] = []
        self.acknowledged: list[Identity] = []
        self.deleted: set[str] = set()
        self.workers: dict[str, Process] = {}
        self.errors: list[tuple[str, Exception]] = []
        self.slept_at_work = self.is_moving = False
        if not has_network:
            self.host.cut_off_from.update(PROVIDERS)

    def note_error(self, process: Process, error: Exception) -> None:
        """Keeps what ended a process's work; the oracle says whether that may be."""
        self.errors.append((process.name, error))

    def start_daemon(self) -> None:
        """Starts a daemon, unless the site moves to another file: then one starts afterwards."""
        if self.is_moving:
            return
        self.daemons.append(Daemon(self))

    @property
    def alive(self) -> list[Daemon]:
        """The daemons that run."""
        self.daemons = [one for one in self.daemons if one.is_alive]
        return self.daemons

    def use(self, database: Database) -> None:
        """Goes on with that database, a copy of the one before."""
        self.old_databases.append(self.database)
        self.database = database
        self.settings = self.settings.model_copy(update={"database_url": database.store.url})

    @property
    def databases(self) -> list[Database]:
        """The one in use is the last."""
        return [*self.old_databases, self.database]

    def sleep(self, seconds: float) -> None:
        self.slept_at_work |= bool(self.host.workers)
        self.host.sleep(seconds)
        self.database.sleeps(self.host, seconds)

    def cut_off(self, service: str, seconds: float) -> None:
        self.host.cut_off_from.add(service)
        if service == DATABASE:
            self.database.end_sessions(self.host)
        if self.has_network:
            self.world.after(seconds, lambda: self.host.cut_off_from.discard(service))

    def lend_a_network(self, seconds: float) -> None:
        """Has a host without a network reach the services for so long."""
        self.host.cut_off_from.clear()
        self.world.after(seconds, lambda: self.host.cut_off_from.update(PROVIDERS))

    def calm(self) -> None:
        """Ends all trouble of the host; it needs a daemon afterwards, if it has a network."""
        if self.has_network:
            self.host.cut_off_from.clear()
        self.host.correct_clock()
        self.database.is_full_until = min(self.database.is_full_until, self.world.now)

    def kill_sleepers(self) -> None:
        for process in [*self.host.processes]:
            if process.frozen_until > self.world.now + 60:
                process.kill()  # what would sleep for hours more

    def recover(self) -> None:
        """Has a daemon run again, where there is a network, and nobody's pause last."""
        if self.has_network and not self.alive:
            self.start_daemon()
        for name in self.settings.enabled:
            self.people.resume(name)

    def close(self) -> None:
        """Ends all processes; nobody starts another."""
        self.is_moving = True
        for process in [*self.host.processes]:
            process.kill()
