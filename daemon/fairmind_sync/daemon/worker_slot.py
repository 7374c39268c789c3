"""One slot for a worker process: free, connecting or draining; whether a drain may start there, how long
after a failure, and how long it is idle.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING
from uuid import uuid4

from fairmind_sync.backoff import retry_delay
from fairmind_sync.daemon.machine import THIS_MACHINE, Machine
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.relay.worker_count import most_processes
from fairmind_sync.relay.worker_name import worker_name

if TYPE_CHECKING:
    from fairmind_sync.daemon.worker_processes import WorkerExecutor
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings

_LONGEST_PAUSE = timedelta(minutes=1)


class SlotState(Enum):
    """What happens in a slot; the slot's process, if there is one, is kept warm in each state."""

    FREE = auto()
    """Nothing happens: a drain may be started."""
    CONNECTING = auto()
    """A thread of the daemon tries to connect to the provider's address; no process is used."""
    DRAINING = auto()
    """The process runs a drain."""


class WorkerSlot:
    """One process's place; a provider's first slot (`number` 1) does all work until the backlog is large.

    `owes_sweep`: a sweep was to be made while the slot was busy, and is the next drain's.
    """

    def __init__(
        self,
        provider: ProviderName,
        settings: Settings,
        number: int = 1,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self.provider = provider
        self.number = number
        self.state = SlotState.FREE
        self.is_broken = False
        self.owes_sweep = False
        self.not_before = machine.now()
        self.executor: WorkerExecutor | None = None
        self.parent = uuid4().hex[:8]
        self._idle_since: float | None = None
        self._failures = 0
        self._settings = settings
        self._machine = machine
        self._flags = SharedFlags()

    @property
    def name(self) -> str:
        return self.provider if self.number == 1 else f"{self.provider}-{self.number}"

    @property
    def is_first(self) -> bool:
        return self.number == 1

    @property
    def is_free(self) -> bool:
        return self.state is SlotState.FREE

    def may_start(self, now: datetime) -> bool:
        """Returns whether a drain may be started: the slot is free, and no failure has to be waited out."""
        return self.is_free and self.not_before <= now

    def fill(self) -> WorkerExecutor:
        """Returns a fresh one-process executor; its process starts with its first drain."""
        self.executor = self._machine.processes.executor(self._settings, self._flags)
        return self.executor

    def empty(self) -> None:
        """Lets the process end by itself, without a wait for what its SDK does at the end."""
        if self.executor is not None:
            self.executor.shutdown(wait=False)
        self._flags.pid.value = 0
        self.executor = self._idle_since = None
        self.is_broken = False

    def ask_to_stop(self) -> None:
        """Asks the process to finish what it has begun and to begin nothing more."""
        self._flags.stop.value = True

    def begin_connecting(self) -> None:
        self.state = SlotState.CONNECTING

    def end_connecting(self) -> None:
        self.state = SlotState.FREE

    def begin_drain(self) -> None:
        self.state, self._idle_since = SlotState.DRAINING, None

    def end_drain(self, *, failed: bool, now: datetime) -> None:
        """Frees the slot; after a drain that failed, the next may start only after a delay."""
        self.state, self.is_broken = SlotState.FREE, failed
        self._idle_since = self._machine.steady()
        self._failures = self._failures + 1 if failed else 0
        if failed:
            self.not_before = now + min(
                retry_delay(self._failures, self._machine.chance), _LONGEST_PAUSE
            )

    def dead_worker(self) -> str | None:
        """Returns the `worker_name` of the slot's process if that process is certainly gone."""
        pid = self._flags.pid.value
        if pid == 0 or self._machine.processes.is_alive(pid):
            return None
        return worker_name(pid, self.parent)

    def has_lost_its_process(self) -> bool:
        """Returns whether a drain's process died, or didn't start, and so ended without its drain."""
        is_lost = self.executor is not None and self.executor.has_lost_its_process
        return is_lost and self.state is SlotState.DRAINING

    def is_idle_for(self, seconds: float) -> bool:
        """Returns whether the process has had no drain for so many seconds."""
        since = self._idle_since
        return since is not None and self._machine.steady() - since >= seconds


def slots_of(settings: Settings, machine: Machine = THIS_MACHINE) -> list[WorkerSlot]:
    """Returns a slot for each process that the enabled providers may have."""
    return [
        WorkerSlot(provider, settings, number, machine)
        for provider in settings.enabled
        for number in range(1, most_processes(provider) + 1)
    ]
