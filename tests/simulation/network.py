"""Requests over a network that loses, delays and cuts, to services that go away, refuse and slow down.

A request that was sent arrives whatever becomes of the process that sent it. What a service does is done when
the request arrives; the reply is what may be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from tests.simulation.database import strike
from tests.simulation.faults import OUTAGE, Fault, Faults
from tests.simulation.file_stores import FileStore
from tests.simulation.hosts import Host
from tests.simulation.waiting import Waiters
from tests.simulation.world import Process, World

_Result = TypeVar("_Result")
_FOR_EVER = 10.0**9
_CONNECT_S, _ON_THE_WAY_S, _BACK_S = (0.001, 0.01), (0.002, 0.1), (0.002, 0.05)
_SHORT_OUTAGE_S = 30.0
NEVER_THERE, UNHEARD = ("lost", "hang"), ("no_reply", "late")
"""Effects of a request that never arrives, and of one whose reply never does."""


class RefusedError(Exception):
    """No connection: the request was never sent."""


class NoReplyError(Exception):
    """The request was sent, and no reply came."""


class StatusError(Exception):
    """The service answers with an HTTP status that means no success; `after` is its Retry-After."""

    def __init__(self, status: int, after: float = 0.0) -> None:
        super().__init__(f"the service answers {status}")
        self.status = status
        self.after = after


@dataclass(frozen=True, slots=True)
class LateArrival:
    """When a late request arrived, by the clock of the host that had sent it, and who had."""

    key: str
    sender: str
    at: datetime


@dataclass
class Service:
    """What both providers' services have in common: when they can't be reached, and how they refuse.

    `answers` is the status that each request gets until `answers_until`. `doubtful` are the delivery keys
    of requests that something befell but an outage; `busy_until` is when the last request on its way will
    have arrived. `store` keeps runs' files; `befell` says by delivery key of which requests they were.
    """

    world: World
    name: str
    away_until: float = 0.0
    answers: int = 503
    answers_until: float = 0.0
    doubtful: set[str] = field(default_factory=set)
    busy_until: float = 0.0
    store: FileStore = field(default_factory=FileStore)
    befell: dict[str, set[str]] = field(default_factory=dict)
    late_arrivals: list[LateArrival] = field(default_factory=list)

    def require_well(self) -> None:
        if self.world.now < self.answers_until:
            raise StatusError(self.answers, self.answers_until - self.world.now)


class _Request:
    """One request on its way, and what comes back; the fault decides which of the two ways is cut."""

    def __init__(
        self, wire: Wire, name: str, what: Callable[[], object], key: str, fault: Fault | None
    ) -> None:
        self._wire = wire
        self._name = name
        self._service = wire.service
        self._world = wire.process.world
        self._what = what
        self._key = key
        self._fault = fault
        self._does = "" if fault is None else fault.effect
        self._waiters = Waiters(wire.process)
        self._is_answered = False
        self._value: object = None
        self._error: Exception | None = None

    def send(self) -> None:
        if self._does == OUTAGE and self._fault is not None:
            self._service.away_until = self._world.now + self._fault.seconds
        elif self._does:
            self.doubt()
        if self._does in NEVER_THERE:
            return
        seconds = self._world.chance.uniform(*_ON_THE_WAY_S)
        if self._does == "late" and self._fault is not None:
            seconds += self._fault.seconds
        service = self._service
        service.busy_until = max(service.busy_until, self._world.now + seconds)
        self._world.after(seconds, self._arrive)

    def reply(self, patience: float) -> object:
        """Waits for the reply for so long; raises what the service raised."""
        self._waiters.wait(_FOR_EVER if self._does == "hang" else patience)
        if not self._is_answered:
            raise NoReplyError("no reply came")
        if self._error is not None:
            raise self._error
        return self._value

    def doubt(self) -> None:
        self._service.doubtful.add(self._key)
        self._service.befell.setdefault(self._key, set()).add(self._name)

    def _is_cut_off(self) -> None:
        """An outage cut the request; one that is over by when nobody waits looks like a lost reply."""
        if self._service.away_until < self._world.now + _SHORT_OUTAGE_S:
            self.doubt()

    def _arrive(self) -> None:
        if self._does == "late":
            self._service.late_arrivals.append(self._wire.late_arrival(self._key))
        if self._does != "late" and self._wire.is_cut:
            self._is_cut_off()
            return
        try:
            self._value = self._answered()
        except Exception as error:  # noqa: BLE001 it is the reply
            self._error = error
        if self._does not in UNHEARD:
            self._world.after(self._world.chance.uniform(*_BACK_S), self._answer)

    def _answered(self) -> object:
        if self._fault is not None and self._does.isdecimal():
            raise StatusError(int(self._does), self._fault.seconds)
        self._service.require_well()
        return self._what()

    def _answer(self) -> None:
        if self._wire.is_cut:
            self._is_cut_off()
            return
        self._is_answered = True
        self._waiters.wake()


class Wire:
    """A process's way to a service."""

    def __init__(self, process: Process, host: Host, service: Service, faults: Faults) -> None:
        self.process = process
        self.service = service
        self._host = host
        self._faults = faults

    def ask(
        self, what: str, effect: Callable[[], _Result], key: str = "", patience: float = 10.0
    ) -> _Result:
        """Sends a request, waits for the reply for as long as the client does, and returns the reply.

        Raises:
            RefusedError: there was no connection, and the request was not sent.
            NoReplyError: nobody knows what became of the request.
            StatusError and others: what the service answers.
        """
        self.process.stop_if_dead()
        fault = self._faults.at(f"{self.service.name} {what}", f"{self.service.name} any")
        strike(self.process, fault)
        self.process.sleep(self.process.world.chance.uniform(*_CONNECT_S))
        if self.is_cut:
            raise RefusedError(f"{self.service.name} can't be reached")
        request = _Request(self, what, effect, key, fault)
        request.send()
        return request.reply(patience)  # type: ignore[return-value]  # what the effect returned

    def late_arrival(self, key: str) -> LateArrival:
        return LateArrival(key, self.process.signature, self._host.time())

    @property
    def is_cut(self) -> bool:
        service = self.service
        is_away = self.process.world.now < service.away_until
        return is_away or service.name in self._host.cut_off_from
