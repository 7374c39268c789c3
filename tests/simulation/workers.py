"""A daemon's worker processes: each runs the product's drain of one provider, over a simulated network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fairmind_sync.daemon.worker_processes import WorkerProcesses
from fairmind_sync.providers.mlflow.provider import MlflowProvider
from fairmind_sync.providers.wandb.provider import WandbProvider
from fairmind_sync.relay.provider_drain import ProviderDrain
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.settings import Settings
from tests.simulation.hosts import Host
from tests.simulation.mlflow_service import MlflowModelApi
from tests.simulation.network import Wire
from tests.simulation.waiting import Waiters, threads_of
from tests.simulation.wandb_service import WandbModelSdk
from tests.simulation.world import Killed, Process

if TYPE_CHECKING:
    from tests.simulation.simulated_sites import SimulatedSite

_START_S = (0.8, 3.0)
"""A worker process imports an SDK first."""
_OF_A_DRAIN = ("probe_now", "and_sweep", "and_evidence", "longest")


class Watchdog:
    """Ends a worker whose batch takes too long, by a clock that stands still while the host sleeps."""

    def __init__(self, process: Process, host: Host) -> None:
        self._process = process
        self._host = host
        self._deadline: float | None = None

    def watch(self, longest: timedelta | None) -> None:
        if longest is None:
            self._deadline = None
            return
        self._deadline = self._host.steady() + longest.total_seconds()
        self._look_in(longest.total_seconds())

    def _look_in(self, seconds: float) -> None:
        self._process.world.after(seconds + 0.25, self._look)

    def _look(self) -> None:
        if self._deadline is None or self._process.is_dead:
            return
        world = self._process.world
        left = self._deadline - self._host.steady()
        thaws_in = self._process.frozen_until - world.now
        if left > 0:
            self._look_in(left)
        elif thaws_in > 0:
            self._look_in(thaws_in + world.chance.uniform(0, 0.5))
        else:
            self._process.was_disturbed = True
            self._process.kill()


class SimulatedExecutor:
    """A one-process executor; its process starts with its first drain."""

    def __init__(
        self,
        site: SimulatedSite,
        daemon: Process,
        settings: Settings,
        flags: SharedFlags,
    ) -> None:
        self._site = site
        self._daemon = daemon
        self._settings = settings
        self._flags = flags
        self.process: Process | None = None
        self._drain: Callable[[Mapping[str, Any]], ProviderDrain] | None = None
        self.is_open = True
        self.has_lost_its_process = False
        self.on_lost: Callable[[], None] = lambda: None
        self._is_at_work = False

    def drain(
        self, arguments: Mapping[str, Any], on_end: Callable[[Exception | None], None]
    ) -> None:
        if self.process is None or self.process.is_dead:
            self.process = self._started(arguments)
        process = self.process
        self._is_at_work = True
        process.start(lambda: self._work(process, arguments, on_end))

    def _started(self, arguments: Mapping[str, Any]) -> Process:
        process = self._site.host.started(f"worker {arguments['name']}")
        self._daemon.on_end.append(process.kill)  # it ends with its parent
        process.on_end.append(self._note_end)
        self._drain = None
        return process

    def _note_end(self) -> None:
        """APScheduler logs it, and no more."""
        self.has_lost_its_process |= self._is_at_work
        self.on_lost()

    def _work(
        self,
        process: Process,
        arguments: Mapping[str, Any],
        tell: Callable[[Exception | None], None],
    ) -> None:
        if self._drain is None:
            process.sleep(self._site.world.chance.uniform(*_START_S))
            self._flags.pid.value = process.pid
            self._drain = drains_of(self._site, process, self._settings, self._flags)
        wanted = {name: arguments[name] for name in _OF_A_DRAIN if name in arguments}
        error: Exception | None = None
        try:
            self._drain(arguments).run(**wanted)
        except Killed:
            raise
        except Exception as raised:  # noqa: BLE001 a worker's error goes to the daemon
            self._site.note_error(process, raised)
            error = raised
        self._is_at_work = False
        tell(error)
        if not self.is_open:
            process.end()

    def shutdown(self, *, wait: bool = True) -> None:  # noqa: ARG002 it never waits
        if self.process is not None and not self._is_at_work:
            self.process.end()
        self.is_open = False


def drains_of(
    site: SimulatedSite, process: Process, settings: Settings, flags: SharedFlags
) -> Callable[[Mapping[str, Any]], ProviderDrain]:
    """What makes the process's drains: with one engine, one watchdog and one provider for all of them."""
    engine = site.database.opened_by(process, site.host)
    watchdog = Watchdog(process, site.host)
    opened: dict[str, Any] = {}

    def provider(name: str) -> Any:
        if name not in opened:
            opened[name] = opened_provider(site, process, name, settings)
        return opened[name]

    def made(arguments: Mapping[str, Any]) -> ProviderDrain:
        name = arguments["name"]
        signed = worker_name(process.pid, arguments["parent"])
        site.workers[signed] = process
        return ProviderDrain(
            engine,
            name,
            settings,
            opened=lambda: provider(name),
            worker=signed,
            should_stop=lambda: bool(flags.stop.value),
            watch=watchdog.watch,
            pause=process.sleep,
            chance=site.world.chance,
            steady=site.host.steady,
        )

    return made


def opened_provider(
    site: SimulatedSite, process: Process, name: str, settings: Settings
) -> MlflowProvider | WandbProvider:
    by = threads_of(process)
    if name == "mlflow":
        wire = Wire(process, site.host, site.mlflow, site.faults)
        return MlflowProvider(MlflowModelApi(wire, site.mlflow), settings, by, site.host.steady)  # type: ignore[arg-type]
    wire = Wire(process, site.host, site.wandb, site.faults)
    sdk: Any = WandbModelSdk(wire, site.wandb)
    return WandbProvider(sdk, settings, by, process.sleep)


class SimulatedProcesses(WorkerProcesses):
    """The worker processes of one daemon."""

    def __init__(self, site: SimulatedSite, daemon: Process) -> None:
        super().__init__()
        self._site = site
        self._daemon = daemon
        self._executors: list[SimulatedExecutor] = []
        self.on_lost: Callable[[], None] = lambda: None

    def executor(self, settings: Settings, flags: SharedFlags) -> Any:
        made = SimulatedExecutor(self._site, self._daemon, settings, flags)
        made.on_lost = self.on_lost
        self._executors.append(made)
        return made

    def is_alive(self, pid: int) -> bool:
        return any(process.pid == pid for process in self._alive())

    def end(self, within_s: float) -> None:
        waiters = Waiters(self._daemon)
        for process in self._alive():
            process.on_end.append(waiters.wake)
        deadline = self._daemon.world.now + within_s
        for one in self._executors:
            one.shutdown()  # after its drain: the process has been asked to stop
        while self._alive() and (left := deadline - self._daemon.world.now) > 0:
            waiters.wait(left)
        for process in self._alive():
            process.kill()

    @property
    def has_any(self) -> bool:
        """Whether the daemon keeps an executor, also one whose process has died."""
        return any(one.is_open for one in self._executors)

    @property
    def has_lost_any(self) -> bool:
        """Whether the process of an executor that the daemon keeps has died."""
        kept = [one.process for one in self._executors if one.is_open]
        return any(process is not None and process.is_dead for process in kept)

    def _alive(self) -> list[Process]:
        found = [one.process for one in self._executors if one.process is not None]
        return [process for process in found if not process.is_dead]
