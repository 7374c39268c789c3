"""Judges a site by what was saved there, what the services hold, and what its database says.

Each finding is a sentence that begins with its kind: lost, twice, false, stuck, dead, fence, attempt, error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fairmind_sync.errors import BundleError, StorageError
from fairmind_sync.outbox.unclean_attempts import SUSPECT_FOR
from tests.simulation import audit
from tests.simulation.mlflow_service import MlflowRun
from tests.simulation.shared_sites import SharedSite
from tests.simulation.simulated_sites import SimulatedSite
from tests.simulation.simulation import Simulation

_STANDING_STILL = ("set clock", "freeze worker", "freeze daemon")
MAY_BE_DEAD = ("run_deleted", "rejected")
_BUSY = "a daemon or drain delivers at the same time"


def may_have_woken_late(run: Simulation) -> bool:
    """Whether a process may have gone on after its lease: it stood still, or a clock was set."""
    stood = any(fault.effect == "freeze" for fault in run.faults.struck)
    stepped = any(step.what in _STANDING_STILL for step in run.plan.steps)
    return stood or stepped or any(site.slept_at_work for site in run.sites)


class SiteOracle:
    """Reads the database by plain SQL, so that a bug in the product's look-ups hides nothing."""

    def __init__(self, run: Simulation, site: SimulatedSite | SharedSite) -> None:
        self._run = run
        self.site = site
        store = site.database.store
        self._deleted_keys = run.deleted_keys()
        self._results = store.rows("SELECT * FROM bias_test_results")
        self.rows = store.rows(
            "SELECT outbox.*, test_id, deleted_at, erased_at, model_id FROM outbox"
            " JOIN bias_test_results ON result_id = bias_test_results.id"
        )
        self.arrivals = store.rows(
            "SELECT arrivals.delivery_key AS carried_key, outbox.*, test_id FROM arrivals"
            " JOIN outbox ON delivery_id = outbox.id"
            " JOIN bias_test_results ON result_id = bias_test_results.id"
        )
        handed_over = store.rows("SELECT delivery_id FROM hand_overs")
        self.handed_over = {row["delivery_id"] for row in handed_over}
        self.attempts = store.rows(
            "SELECT delivery_attempts.*, provider, delivery_key FROM delivery_attempts"
            " JOIN outbox ON delivery_id = outbox.id"
        )
        self._counts = store.rows(
            "SELECT provider, status, sum(count) AS count FROM delivery_counts"
            " GROUP BY provider, status"
        )
        self.states = store.rows("SELECT * FROM provider_state")
        self._damage = store.damage()
        stores = [database.store for database in site.databases]
        self._writes = [write for one in stores for write in one.writes()]
        self.changes = [
            change
            for one in stores
            for change in one.changes()
            if not change[0].startswith(audit.COPY)
        ]

        self.arrived_too_late = {*self._arrived_too_late()}

    def _arrived_too_late(self) -> Iterator[str]:
        """Yields keys of requests that arrived more than a day after their attempt began.

        Nobody looks for those. The day is that of the sender's clock, which may have been set ahead.
        """
        keys = {row["id"]: row["delivery_key"] for row in self.rows}
        begun = {(keys.get(one.id), one.who): one.at for one in self._writes if one.is_claim}
        for late in (*self._run.mlflow.late_arrivals, *self._run.wandb.late_arrivals):
            at = begun.get((late.key, late.sender))
            if at is not None and late.at - datetime.fromisoformat(f"{at}+00:00") > SUSPECT_FOR:
                yield late.key

    def findings(self) -> Iterator[str]:
        yield from self._of_saves()
        for row in self.rows:
            yield from self._of_row(row)
        started = self.site.host.ever_started
        killed = {name for name, process in started.items() if process.was_killed}
        yield from (f"fence: {breach}" for breach in audit.breaches(self._writes, killed))
        yield from self._of_attempts()
        yield from self._of_counted_attempts()
        yield from self._of_counts()
        yield from self._of_errors()
        if self._damage:
            yield f"error: the database is damaged: {self._damage}"

    def _of_saves(self) -> Iterator[str]:
        kept = {(row["user_id"], row["test_id"], row["digest"]): row["id"] for row in self._results}
        owed = Counter(row["result_id"] for row in self.rows)
        arrived = {row["result_id"] for row in self.arrivals}
        for row in self._results:
            if row["id"] in arrived:
                continue
            if row["deleted_at"] is None and owed[row["id"]] != len(self.site.settings.owed):
                yield f"lost: the result {row['test_id']} has no delivery for each provider"
        for identity in self.site.acknowledged:
            if identity[1] in self.site.deleted:
                continue
            if identity not in kept:
                yield f"lost: the acknowledged result {identity[1]} is not in the database"

    def _of_row(self, row: Any) -> Iterator[str]:
        """A run that a user deleted at W&B before it was confirmed is waited for, for a day."""
        where = f"{row['test_id']} for {row['provider']}"
        match row["status"]:
            case "pending" | "handed_over" if row["delivery_key"] not in self._deleted_keys:
                yield f"stuck: {where} is {row['status']}: {row['last_error']}"
            case "delivered":
                yield from self._of_delivered(row, where)
            case "dead" if not self._may_be_dead(row):
                yield f"dead: {where}: {row['last_error_kind']}: {row['last_error']}"
            case "dead" | "discarded" if self._runs_on(row):
                yield f"open: {where} is {row['status']}, and its run {row['run_id']} is running"

    def _of_delivered(self, row: Any, where: str) -> Iterator[str]:
        run = self._service(row).runs.get(row["run_id"])
        if run is None:
            yield f"false: {where} is delivered, and there is no run {row['run_id']}"
        elif row["run_id"] in self._run.deleted_runs:
            return
        elif run.is_deleted:
            yield f"false: {where} is delivered, and its run was deleted by us"
        elif self._was_left_open(row, run) or row["delivery_key"] in self.arrived_too_late:
            return
        elif not run.is_whole or run.value != int(row["test_id"].partition("-")[2]) / 64:
            yield f"false: {where} is delivered, and its run is not whole: {run}"[:300]

    def _runs_on(self, row: Any) -> bool:
        """A W&B run of what is given up, whose id is recorded, ends too; MLflow's are looked at elsewhere."""
        run = self._run.wandb.runs.get(row["run_id"]) if row["provider"] == "wandb" else None
        if run is None or run.is_deleted or run.state == "finished":
            return False
        return not (
            self._was_left_open(row, run)
            or row["delivery_key"] in self.arrived_too_late
            or row["id"] in self.handed_over
        )

    def _was_left_open(self, row: Any, run: Any) -> bool:
        """The known limit of a W&B run that was opened for its missing files.

        It stays open where its result was deleted or erased before a try ended, or where the request that
        opens it came, or whoever sent it went on, when another try had ended. Where a try was interrupted,
        the next one ends the run.
        """
        if row["provider"] != "wandb" or run.state == "finished" or not run.takes_files:
            return False
        struck = self._run.faults.struck
        was_late = any(one.effect == "late" and one.at.startswith("wandb") for one in struck)
        is_gone = row["deleted_at"] is not None or row["erased_at"] is not None
        has_come_late = was_late or may_have_woken_late(self._run)
        return has_come_late or is_gone or row["evidence_due_at"] is not None

    def _may_be_dead(self, row: Any) -> bool:
        """Refused for good, deleted by a user, or each of its attempts met with something.

        What died by another site's word is compared with that word elsewhere.
        """
        if self.died_elsewhere(row):
            return True
        if row["last_error_kind"] in MAY_BE_DEAD:
            is_refused = row["model_id"] == f"refused by {row['provider']}"
            deleted = {
                run.key if isinstance(run, MlflowRun) else run.id
                for run in self._service(row).runs.values()
                if run.id in self._run.deleted_runs
            }
            return is_refused or row["delivery_key"] in deleted
        return bool(row["attempts"] >= self.site.settings.max_attempts)

    def died_elsewhere(self, row: Any) -> bool:
        """Whether it was handed over, and no attempt of this site has given it up after a take-back."""
        own = {one["outcome"] for one in self.attempts if one["delivery_id"] == row["id"]}
        return row["id"] in self.handed_over and "dead" not in own

    def _service(self, row: Any) -> Any:
        return self._run.mlflow if row["provider"] == "mlflow" else self._run.wandb

    def _of_attempts(self) -> Iterator[str]:
        """Yields attempts that count, though nothing but an unavailable provider was in their way."""
        struck = self._run.faults.struck
        if may_have_woken_late(self._run) or any(fault.effect == "full" for fault in struck):
            return
        lags = any(step.what == "lag" for step in self._run.plan.steps)
        for attempt in self.attempts:
            if attempt["outcome"] in ("delivered", "released"):
                continue
            worker = self.site.workers.get(attempt["worker"])
            is_disturbed = worker is None or worker.was_disturbed
            doubtful = getattr(self._run, attempt["provider"]).doubtful
            if is_disturbed or attempt["delivery_key"] in doubtful or "" in doubtful:
                continue
            if attempt["error_kind"] in MAY_BE_DEAD:
                continue
            if lags and attempt["error_kind"] == "unconfirmed":
                continue
            yield (
                f"attempt: {attempt['delivery_key']} at {attempt['provider']} counts"
                f" {attempt['outcome']} ({attempt['error_kind']}: {attempt['error']}) without a reason"
            )

    def _of_counted_attempts(self) -> Iterator[str]:
        """Yields deliveries whose history has more or fewer attempts than were counted and not given back.

        Where a retention is set, or somebody prunes, attempts are pruned.
        """
        prunes = any(step.what == "prune" for step in self._run.plan.steps)
        if prunes or self.site.settings.retention is not None:
            return
        made = Counter(one["delivery_id"] for one in self.attempts if one["outcome"] != "released")
        counted = audit.counted_attempts(self._writes)
        for row in self.rows:
            if counted[row["id"]] != made[row["id"]]:
                yield (
                    f"attempt: {row['test_id']} for {row['provider']} was counted {counted[row['id']]}"
                    f" attempts, and its history has {made[row['id']]}"
                )

    def _of_counts(self) -> Iterator[str]:
        real = Counter((row["provider"], row["status"]) for row in self.rows)
        told = {
            (row["provider"], row["status"]): row["count"] for row in self._counts if row["count"]
        }
        if told != dict(real):
            yield f"error: the counters say {told}, and there are {dict(real)}"

    def _of_errors(self) -> Iterator[str]:
        for name, error in self.site.errors:
            is_busy = isinstance(error, BundleError) and _BUSY in str(error)
            if not (is_busy or isinstance(error, StorageError)):
                yield f"error: {name} ended with {error!r}"
