"""What the product logs of providers' availability in a run, and who logs it."""

from __future__ import annotations

import logging
from collections.abc import Container, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation
    from tests.simulation.world import Process

AWAY, BACK = ("provider.offline", "provider.blocked"), "provider.recovered"


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of a provider, and the process that logged it, at the site of that number."""

    site: int
    provider: str
    event: str
    by: Process


class ProviderLog:
    """Takes structlog's place of output: keeps these events, and drops all others."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.events: list[LoggedEvent] = []
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            processors=[self._keep],
        )

    def of(self, sites: Container[int], provider: str) -> list[LoggedEvent]:
        return [one for one in self.events if one.site in sites and one.provider == provider]

    def _keep(self, _logger: object, _method: str, entry: MutableMapping[str, Any]) -> NoReturn:
        event = entry["event"]
        if event in AWAY or event == BACK:
            for site in self._simulation.sites:
                for process in site.host.processes:
                    if process.is_running:
                        logged = LoggedEvent(site.number, entry["provider"], event, process)
                        self.events.append(logged)
        raise structlog.DropEvent
