"""What operators do to a whole site: `db copy` to another file, with which the site goes on; upgrades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairmind_sync.errors import CopyError, FairmindSyncError
from fairmind_sync.outbox import copying
from tests.simulation.audit import COPY
from tests.simulation.daemons import Daemon

if TYPE_CHECKING:
    from tests.simulation.database import Database
    from tests.simulation.simulated_sites import SimulatedSite

_STARTED_WITHIN_S, _STOPS_WITHIN_S, _MOST_TRIES = 5.0, 90.0, 20


class Move:
    """A move to another file: nobody saves or delivers meanwhile, until the copy is whole.

    Who copies in haste stops daemons only once `db copy` has refused. What still runs after a while is
    killed. Who is refused too often goes on with the old file.
    """

    def __init__(self, site: SimulatedSite, to: Database) -> None:
        self._site = site
        self._database = to
        self._tries = 0
        self._is_done = False

    def begin(self, *, in_haste: bool) -> None:
        site = self._site
        site.is_moving = True
        for process in site.drains:
            process.kill()
        if in_haste:
            site.world.after(_STARTED_WITHIN_S, self._copy)
        else:
            self._stop_all()

    def _stop_all(self) -> None:
        for daemon in self._site.alive:
            daemon.stop()
        self._site.world.after(_STOPS_WITHIN_S, self._kill_and_copy)

    def _kill_and_copy(self) -> None:
        self._kill_all()
        self._copy()

    def _kill_all(self) -> None:
        for process in [*self._site.host.processes]:
            process.kill()

    def _copy(self) -> None:
        site, self._tries = self._site, self._tries + 1
        process = site.host.started(COPY)

        def work() -> None:
            try:
                copying.copy_between(
                    site.database.opened_by(process, site.host),
                    self._database.opened_by(process, site.host),
                )
                self._is_done = True
            except CopyError:
                pass  # a daemon or a lease is alive: the operator tries again
            except FairmindSyncError as error:
                site.note_error(process, error)
            process.end()

        process.on_end.append(self._go_on)
        process.start(work)

    def _go_on(self) -> None:
        if self._is_done:
            self._kill_all()
            self._site.world.after(1.0, self._use_the_copy)
        elif self._tries < _MOST_TRIES:
            self._stop_all()
        else:
            self._end()

    def _use_the_copy(self) -> None:
        self._site.use(self._database)
        self._end()

    def _end(self) -> None:
        self._site.is_moving = False
        if self._site.has_network:
            self._site.start_daemon()


def upgrade(site: SimulatedSite) -> None:
    """Each daemon is stopped, and one of the next version goes on as soon as the old one is gone.

    The next version has the same schema here. What an old worker held is still under its lease.
    """
    for daemon in site.alive:
        _replace(site, daemon)


def _replace(site: SimulatedSite, daemon: Daemon) -> None:
    daemon.process.on_end.append(site.start_daemon)
    daemon.stop()
    site.world.after(_STOPS_WITHIN_S, daemon.process.kill)
