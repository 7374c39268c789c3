"""Producers and operators: short processes that save, retry, discard, delete, pause and drain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select

from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.intake import save
from fairmind_sync.operating import actions, evidence_actions
from fairmind_sync.outbox import deletion, pruning
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.outbox.operator_log import Actor
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.relay.decision import decide
from fairmind_sync.relay.shared_flags import SharedFlags
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.storage.engine import current_time, reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import new_result
from tests.simulation.workers import drains_of
from tests.simulation.world import Process

if TYPE_CHECKING:
    from tests.simulation.simulated_sites import SimulatedSite

_WAIT_S = 30.0
_OPERATOR = Actor("operator", "simulation")


GROUPS = {"selection_rate": {"female": 0.31, "male": 0.52}}


def result_of(
    number: int, value: float, model: str = "model", *, has_groups: bool = False
) -> NewResult:
    """A result with the value as its accuracy; with groups its evidence has a table."""
    results = {"accuracy": value, **(GROUPS if has_groups else {})}
    return new_result(test_id=f"test-{number}", model_id=model, results=results)


class People:
    """Whoever isn't a daemon at a site; each act is a process of its own."""

    def __init__(self, site: SimulatedSite) -> None:
        self._site = site

    def save(self, results: list[NewResult]) -> None:
        """Saves all of the results or none; notes what was acknowledged."""

        def work(engine: Engine) -> None:
            save.save_all(engine, results, self._site.settings.owed)
            self._site.acknowledged += [one.identity for one in results]

        self.does("producer", work)

    def retry_all(self) -> None:
        self.does("operator", lambda to: actions.retry_all(to, RunFilter(), _OPERATOR))

    def retry_evidence(self) -> None:
        enabled = self._site.settings.enabled
        self.does("operator", lambda to: evidence_actions.retry(to, enabled))

    def discard_one(self, provider: ProviderName) -> None:
        def work(engine: Engine) -> None:
            with reading(engine) as connection:
                waiting = select(outbox_table.c.id).where(
                    outbox_table.c.provider == provider,
                    outbox_table.c.status.in_(("pending", "dead")),
                )
                found = connection.execute(waiting.limit(1)).scalars().all()
            actions.discard(engine, found, "no use", _OPERATOR)

        self.does("operator", work)

    def delete_one(self) -> None:
        def work(engine: Engine) -> None:
            with reading(engine) as connection:
                wanted = select(results_table.c.test_id, results_table.c.user_id)
                found = connection.execute(wanted.limit(1)).one_or_none()
            if found is not None:
                self._site.deleted.add(found.test_id)
                with writing(engine) as connection:
                    deletion.delete(connection, *found, current_time(engine))

        self.does("operator", work)

    def pause(self, provider: ProviderName) -> None:
        """Whoever had to wait until all trouble is over lets it go on at once."""

        def work(engine: Engine) -> None:
            actions.pause(engine, provider, _OPERATOR)
            if self._site.faults.are_over:
                actions.resume(engine, provider, _OPERATOR)

        self.does("operator", work)

    def resume(self, provider: ProviderName) -> None:
        self.does("operator", lambda to: actions.resume(to, provider, _OPERATOR))

    def prune(self) -> None:
        def work(engine: Engine) -> None:
            retention = self._site.settings.retention or timedelta(hours=1)
            pruning.prune_all(engine, retention, current_time(engine))

        self.does("operator", work)

    def drain(self) -> None:
        """The command line's drain: a process for each provider, without a daemon."""
        site = self._site

        def start(engine: Engine) -> None:
            decide(engine, site.settings)
            for name in site.settings.enabled:
                self._start_drain(name)

        self.does("drain", start)

    def _start_drain(self, name: ProviderName) -> None:
        site = self._site
        process = site.host.started(f"worker {name}")
        site.drains.append(process)

        def work() -> None:
            made = drains_of(site, process, site.settings, SharedFlags())
            try:
                made({"name": name, "parent": "drain"}).run(
                    probe_now=True, and_sweep=True, and_evidence=site.settings.wants_evidence
                )
            except FairmindSyncError as error:
                site.note_error(process, error)
            process.end()

        process.start(work)

    def does(self, name: str, work: Callable[[Engine], object]) -> None:
        """Has a process of that name do the work, and end; while the site moves, people wait."""
        site = self._site
        if site.is_moving:
            site.world.after(_WAIT_S, lambda: self.does(name, work))
            return
        process: Process = site.host.started(name)

        def act() -> None:
            try:
                work(site.database.opened_by(process, site.host))
            except FairmindSyncError as error:
                site.note_error(process, error)
            process.end()

        process.start(act)
