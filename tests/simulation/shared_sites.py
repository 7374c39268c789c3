"""The hosts that share one database, as the oracle looks at a site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fairmind_sync.results.delivery import Identity
from tests.simulation.simulated_sites import SimulatedSite
from tests.simulation.world import Process


class SharedHosts:
    """What has run on any of the hosts; `time` is the database's."""

    name = "shared"

    def __init__(self, sites: Sequence[SimulatedSite]) -> None:
        self._world = sites[0].world
        self.ever_started: dict[str, Process] = {}
        for site in sites:
            self.ever_started |= site.host.ever_started

    def time(self) -> datetime:
        return self._world.time


class SharedSite:
    """What was acknowledged, deleted and noted on all hosts together, and their database."""

    def __init__(self, sites: Sequence[SimulatedSite]) -> None:
        first = sites[0]
        self.settings, self.databases = first.settings, first.databases
        self.database = first.database
        self.has_network = any(site.has_network for site in sites)
        self.host = SharedHosts(sites)
        self.numbers = [site.number for site in sites]
        self.acknowledged: list[Identity] = [one for site in sites for one in site.acknowledged]
        self.deleted = {one for site in sites for one in site.deleted}
        self.errors = [one for site in sites for one in site.errors]
        self.workers = {name: one for site in sites for name, one in site.workers.items()}
