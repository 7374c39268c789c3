"""One run: a plan carried out in a world of hosts, daemons, people and services, and then a calm.

In the calm nothing goes wrong any more: the network is whole, clocks are right, each host has a daemon. All
that is owed must then be delivered within a bound, and the oracle looks at what there is.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from fairmind_sync.results.delivery import Identity, NewResult
from fairmind_sync.settings import Settings
from tests.simulation.daemons import Daemon
from tests.simulation.database import Database
from tests.simulation.faults import Faults
from tests.simulation.hosts import Host
from tests.simulation.mlflow_service import MlflowService
from tests.simulation.people import People, result_of
from tests.simulation.plan import Plan, Step
from tests.simulation.wandb_service import WandbService
from tests.simulation.world import Process, World

LONGEST_CALM = 12 * 3600.0
"""Within so long after the last fault everything that is owed has to be delivered."""
_SWEEPS = 2 * 600.0 + 60.0
_LOOK_S = 30.0
_WORKERS_END = 120.0
"""Within so long an idle worker process is ended."""


@dataclass
class Simulation:
    """The parts of one run; `directory` holds its database, a copy of `template`."""

    plan: Plan
    template: Path
    directory: Path
    base: Settings
    acknowledged: list[Identity] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    deleted_runs: set[str] = field(default_factory=set)
    workers: dict[str, Process] = field(default_factory=dict)
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    daemons: list[Daemon] = field(default_factory=list)
    results: list[NewResult] = field(default_factory=list)
    slept_at_work: bool = False

    def __post_init__(self) -> None:
        self.world = World(self.plan.seed)
        self.faults = Faults(self.plan.faults)
        self.file = self.directory / f"{self.plan.seed}.db"
        shutil.copyfile(self.template, self.file)
        url = f"sqlite:///{self.file}"
        self.settings = self.base.model_copy(
            update={
                "database_url": url,
                "max_attempts": self.plan.max_attempts,
                "retention": self.plan.retention and timedelta(seconds=self.plan.retention),
            }
        )
        self.database = Database(self.world, url, self.faults)
        self.host = Host(self.world, "host")
        self.mlflow = MlflowService(self.world, "mlflow")
        self.wandb = WandbService(self.world, "wandb", lag=0.1)
        self.people = People(self)
        self._chosen = Random(f"chosen {self.plan.seed}")

    def note_error(self, process: Process, error: Exception) -> None:
        """Keeps what ended a process's work; the oracle says whether that may be."""
        self.errors.append((process.name, error))

    def run(self) -> None:
        """Carries the plan out, and then lets everything come to rest."""
        self._start_daemon()
        for step in self.plan.steps:
            self.world.at(step.at, lambda step=step: self._do(step))  # type: ignore[misc]
        self.world.run(self.plan.hours * 3600.0)
        self._calm()
        self._rest()

    def close(self) -> None:
        for process in [*self.host.processes]:
            process.kill()
        self.world.run(self.world.now)
        for file in self.directory.glob(f"{self.plan.seed}.db*"):
            file.unlink()

    def _start_daemon(self) -> None:
        self.daemons.append(Daemon(self, self.host))

    def _alive(self) -> list[Daemon]:
        self.daemons = [one for one in self.daemons if one.is_alive]
        return self.daemons

    def _do(self, step: Step) -> None:
        if step.what.isdecimal():
            self._answer(step)
        else:
            getattr(self, f"_{step.what.replace(' ', '_')}")(step)

    def _calm(self) -> None:
        """Ends all trouble."""
        self.faults.are_over = True
        self.host.cut_off_from.clear()
        self.host.correct_clock()
        now = self.world.now
        for service in (self.mlflow, self.wandb):
            service.away_until = min(service.away_until, now)
            service.answers_until = min(service.answers_until, now)
        self.wandb.lag = 0.1
        self.database.is_full_until = min(self.database.is_full_until, now)
        self._thaw_or_replace()
        for name in self.settings.enabled:
            self.people.resume(self.host, name)

    def _thaw_or_replace(self) -> None:
        for process in [*self.host.processes]:
            if process.frozen_until > self.world.now + 60:
                process.kill()  # what would sleep for hours more
        self.world.run(self.world.now + 1.0)
        if not self._alive():
            self._start_daemon()

    def _rest(self) -> None:
        """Waits until nothing is owed, nothing is on its way, and sweeps have looked at that."""
        until = self.world.now + LONGEST_CALM
        while self.world.now < until and not self._is_at_rest():
            self.world.run(self.world.now + _LOOK_S)
        arrived = max(self.mlflow.busy_until, self.wandb.busy_until, self.world.now)
        self._sleep_through(arrived - self.world.now)
        self.world.run(arrived + _SWEEPS)
        while self.world.now < until + _SWEEPS and not self._is_at_rest():
            self.world.run(self.world.now + _LOOK_S)

    def _sleep_through(self, seconds: float) -> None:
        """While nothing but a late request is on its way, the machine sleeps, as in a plan's nights."""
        self.world.run(self.world.now + min(seconds, _WORKERS_END))
        left = seconds - _WORKERS_END
        if left > _WORKERS_END and not self._workers():
            self.host.sleep(left - 5.0)

    def _workers(self) -> list[Process]:
        return [one for one in self.host.processes if one.name.startswith("worker")]

    def _is_at_rest(self) -> bool:
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True) as connection:
            pending = connection.execute(
                "SELECT delivery_key FROM outbox WHERE status = 'pending'"
            ).fetchall()
        connection.close()
        return all(key in self.deleted_runs for (key,) in pending)

    # The steps of a plan, by their names.

    def _save(self, step: Step) -> None:
        new = [self._new_result() for _ in range(int(step.amount))]
        self.people.save(self.host, new)

    def _new_result(self, model: str = "model") -> NewResult:
        number = len(self.results)
        self.results.append(result_of(number, number / 64, model))
        return self.results[-1]

    def _save_again(self, _step: Step) -> None:
        if self.results:
            self.people.save(self.host, [self._chosen.choice(self.results)])

    def _save_refused(self, step: Step) -> None:
        self.people.save(self.host, [self._new_result(f"refused by {step.who}")])

    def _kill_daemon(self, _step: Step) -> None:
        for daemon in self._alive()[:1]:
            daemon.process.kill()
        self.world.after(20.0, self._start_daemon)

    def _stop_daemon(self, _step: Step) -> None:
        for daemon in self._alive()[:1]:
            daemon.stop()
        self.world.after(60.0, self._start_daemon)

    def _another_daemon(self, _step: Step) -> None:
        if len(self._alive()) < 4:
            self._start_daemon()

    def _freeze_daemon(self, step: Step) -> None:
        for daemon in self._alive()[:1]:
            daemon.process.freeze(step.amount)

    def _kill_worker(self, _step: Step) -> None:
        self._with_a_worker(lambda worker: worker.kill())

    def _freeze_worker(self, step: Step) -> None:
        self._with_a_worker(lambda worker: worker.freeze(step.amount))

    def _with_a_worker(self, befalls: Callable[[Process], None]) -> None:
        if workers := self._workers():
            befalls(self._chosen.choice(workers))

    def _drain(self, _step: Step) -> None:
        self.people.drain(self.host)

    def _service(self, name: str) -> MlflowService | WandbService:
        return self.mlflow if name == "mlflow" else self.wandb

    def _away(self, step: Step) -> None:
        self._service(step.who).away_until = self.world.now + step.amount

    def _answer(self, step: Step) -> None:
        """The service answers each request with this status."""
        service = self._service(step.who)
        service.answers, service.answers_until = int(step.what), self.world.now + step.amount

    def _cut_off(self, step: Step) -> None:
        self.host.cut_off_from.add(step.who)
        self.world.after(step.amount, lambda: self.host.cut_off_from.discard(step.who))

    def _flaky(self, step: Step) -> None:
        """The service is there for seconds and away for seconds."""
        service, end = self._service(step.who), self.world.now + step.amount
        at = self.world.now
        while at < min(end, self.world.now + 120):
            self.world.at(at, lambda: setattr(service, "away_until", self.world.now + 1.5))
            at += 4.0

    def _set_clock(self, step: Step) -> None:
        self.host.set_clock(step.amount)

    def _drift(self, step: Step) -> None:
        self.host.drift = step.amount

    def _sleep(self, step: Step) -> None:
        self.slept_at_work |= bool(self._workers())
        self.host.sleep(step.amount)

    def _lag(self, step: Step) -> None:
        self.wandb.lag = step.amount

    def _retry_all(self, _step: Step) -> None:
        self.people.retry_all(self.host)

    def _discard(self, step: Step) -> None:
        self.people.discard_one(self.host, step.who)

    def _delete(self, _step: Step) -> None:
        self.people.delete_one(self.host)

    def _pause(self, step: Step) -> None:
        self.people.pause(self.host, step.who)

    def _resume(self, step: Step) -> None:
        self.people.resume(self.host, step.who)

    def _prune(self, _step: Step) -> None:
        self.people.prune(self.host)

    def _delete_run(self, step: Step) -> None:
        """A user of the provider deletes a run there."""
        service = self._service(step.who)
        if service.runs:
            run_id = self._chosen.choice([*service.runs])
            self.deleted_runs.add(run_id)
            service.delete(run_id)
