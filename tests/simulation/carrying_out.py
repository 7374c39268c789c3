"""The steps of a plan, by their names: what each does to a site, to a service, or to a stick."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from fairmind_sync.results.delivery import NewResult
from tests.simulation.events import Step
from tests.simulation.file_stores import FOR_EVER
from tests.simulation.hosts import DATABASE
from tests.simulation.mlflow_service import MlflowService
from tests.simulation.moving import upgrade
from tests.simulation.people import result_of
from tests.simulation.wandb_service import WandbService
from tests.simulation.world import Process

if TYPE_CHECKING:
    from tests.simulation.simulated_sites import SimulatedSite
    from tests.simulation.simulation import Simulation


class CarryingOut:
    """Does what a step says; what is chosen at that moment is chosen by the seed."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._world = simulation.world
        self._chosen = Random(f"chosen {simulation.plan.seed}")

    def do(self, step: Step) -> None:
        if step.what.isdecimal():
            self._answer(step)
        elif step.what.startswith("files "):
            self._files(step)
        else:
            getattr(self, f"_{step.what.replace(' ', '_')}")(step)

    def _site(self, step: Step) -> SimulatedSite:
        return self._simulation.sites[step.host]

    def _save(self, step: Step) -> None:
        new = [self._new_result() for _ in range(int(step.amount))]
        self._site(step).people.save(new)

    def _new_result(self, model: str = "model") -> NewResult:
        results = self._simulation.results
        has_groups = self._simulation.plan.evidence == "full"
        value = len(results) / 64
        results.append(result_of(len(results), value, model, has_groups=has_groups))
        return results[-1]

    def _save_again(self, step: Step) -> None:
        """A result is saved once more, maybe at another site, which then owes it too."""
        if self._simulation.results:
            self._site(step).people.save([self._chosen.choice(self._simulation.results)])

    def _save_refused(self, step: Step) -> None:
        self._site(step).people.save([self._new_result(f"refused by {step.who}")])

    def _kill_daemon(self, step: Step) -> None:
        for daemon in self._site(step).alive[:1]:
            daemon.process.kill()
        self._world.after(20.0, self._site(step).start_daemon)

    def _stop_daemon(self, step: Step) -> None:
        for daemon in self._site(step).alive[:1]:
            daemon.stop()
        self._world.after(60.0, self._site(step).start_daemon)

    def _another_daemon(self, step: Step) -> None:
        if len(self._site(step).alive) < 4:
            self._site(step).start_daemon()

    def _freeze_daemon(self, step: Step) -> None:
        for daemon in self._site(step).alive[:1]:
            daemon.process.freeze(step.amount)

    def _kill_worker(self, step: Step) -> None:
        self._with_a_worker(step, lambda worker: worker.kill())

    def _freeze_worker(self, step: Step) -> None:
        self._with_a_worker(step, lambda worker: worker.freeze(step.amount))

    def _with_a_worker(self, step: Step, befalls: Callable[[Process], None]) -> None:
        if workers := self._site(step).host.workers:
            befalls(self._chosen.choice(workers))

    def _drain(self, step: Step) -> None:
        self._site(step).people.drain()

    def _service(self, name: str) -> MlflowService | WandbService:
        return self._simulation.mlflow if name == "mlflow" else self._simulation.wandb

    def _away(self, step: Step) -> None:
        self._service(step.who).away_until = self._world.now + step.amount

    def _answer(self, step: Step) -> None:
        """The service answers each request with this status."""
        service = self._service(step.who)
        service.answers, service.answers_until = int(step.what), self._world.now + step.amount

    def _cut_off(self, step: Step) -> None:
        self._site(step).cut_off(step.who, step.amount)

    def _restart_server(self, step: Step) -> None:
        """The database's server ends all sessions, and makes none for so long."""
        for site in self._simulation.sites:
            site.cut_off(DATABASE, step.amount)

    def _network(self, step: Step) -> None:
        self._site(step).lend_a_network(step.amount)

    def _flaky(self, step: Step) -> None:
        """The service is there for seconds and away for seconds."""
        service, end = self._service(step.who), self._world.now + step.amount
        at = self._world.now
        while at < min(end, self._world.now + 120):
            self._world.at(at, lambda: setattr(service, "away_until", self._world.now + 1.5))
            at += 4.0

    def _set_clock(self, step: Step) -> None:
        self._site(step).host.set_clock(step.amount)

    def _drift(self, step: Step) -> None:
        self._site(step).host.drift = step.amount

    def _sleep(self, step: Step) -> None:
        self._site(step).sleep(step.amount)

    def _lag(self, step: Step) -> None:
        self._simulation.wandb.lag = step.amount

    def _retry_all(self, step: Step) -> None:
        self._site(step).people.retry_all()

    def _retry_evidence(self, step: Step) -> None:
        self._site(step).people.retry_evidence()

    def _files(self, step: Step) -> None:
        """The service's store has this trouble for so long, or for ever."""
        until = self._world.now + step.amount if step.amount else FOR_EVER
        self._service(step.who).store.begin(step.what.partition(" ")[2], until)

    def _discard(self, step: Step) -> None:
        self._site(step).people.discard_one(step.who)

    def _delete(self, step: Step) -> None:
        self._site(step).people.delete_one()

    def _pause(self, step: Step) -> None:
        self._site(step).people.pause(step.who)

    def _resume(self, step: Step) -> None:
        self._site(step).people.resume(step.who)

    def _prune(self, step: Step) -> None:
        self._site(step).people.prune()

    def _delete_run(self, step: Step) -> None:
        """A user of the provider deletes a run there."""
        service = self._service(step.who)
        if service.runs:
            run_id = self._chosen.choice([*service.runs])
            self._simulation.deleted_runs.add(run_id)
            service.delete(run_id)

    def _export(self, step: Step) -> None:
        courier = self._simulation.sites[int(step.who)]
        self._simulation.couriers.export(self._site(step), courier, step.amount)

    def _export_again(self, step: Step) -> None:
        courier = self._simulation.sites[int(step.who)]
        self._simulation.couriers.export(self._site(step), courier, step.amount, again=True)

    def _receipts(self, step: Step) -> None:
        home = self._simulation.sites[int(step.who)]
        self._simulation.couriers.receipts(self._site(step), home, step.amount)

    def _bring_again(self, step: Step) -> None:
        self._simulation.couriers.bring_again(self._site(step), step.amount)

    def _take_back(self, step: Step) -> None:
        self._simulation.couriers.take_back(self._site(step))

    def _take_back_by_mistake(self, step: Step) -> None:
        self._simulation.couriers.take_back(self._site(step), by_mistake=True)

    def _copy(self, step: Step) -> None:
        self._simulation.move(self._site(step), in_haste=bool(step.who))

    def _upgrade(self, step: Step) -> None:
        upgrade(self._site(step))
