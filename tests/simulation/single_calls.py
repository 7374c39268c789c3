"""Calls from outside into a simulated world, one after the other: the world runs until a call has ended."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from tests.simulation.faults import Fault, Faults
from tests.simulation.hosts import Host
from tests.simulation.network import Service, Wire
from tests.simulation.world import Process, World

_Result = TypeVar("_Result")
_LONGEST_S = 86_400.0
_FOR_EVER = 1_000


class SingleCalls:
    """A world with one host. What a call has left on its way arrives while later calls run."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(seed)
        self._host = Host(self.world, "host")
        self._faults = Faults([])

    def strike(self, *faults: Fault) -> None:
        """From now on these faults, by the touches since now; without any, all is well."""
        self._faults = Faults(faults)

    def wire(self, process: Process, service: Service) -> Wire:
        return Wire(process, self._host, service, self._faults)

    def carry_out(self, work: Callable[[Process], _Result]) -> _Result:
        """Has a fresh process do the work; returns or raises what the work does."""
        process = self._host.started("caller")
        ended: Future[_Result] = Future()

        def run() -> None:
            try:
                ended.set_result(work(process))
            except Exception as error:  # noqa: BLE001 the caller gets it
                ended.set_exception(error)

        process.start(run)
        self.world.run(self.world.now + _LONGEST_S, ended.done)
        process.end()
        self.world.run(self.world.now)
        assert ended.done(), "the call has not ended within a day"
        return ended.result()

    def let_pass(self, seconds: float) -> None:
        self.world.run(self.world.now + seconds)


def each(at: str, effect: str, *, first: int = 1) -> list[Fault]:
    """The fault at each such touch, from the first one that is meant."""
    return [Fault(at, nth, effect) for nth in range(first, _FOR_EVER)]
