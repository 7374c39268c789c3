"""Judges a run by what was saved, what the services hold, and what the database says: nothing else.

Each finding is a sentence that begins with its kind: lost, twice, false, stuck, dead, fence, attempt, error.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fairmind_sync.errors import StorageError
from tests.simulation import audit
from tests.simulation.mlflow_service import MlflowRun
from tests.simulation.simulation import Simulation

_GRACE_S = 30.0
_STANDING_STILL = ("set clock", "freeze worker", "freeze daemon")
_MAY_BE_DEAD = ("run_deleted", "rejected")


def findings(run: Simulation) -> list[str]:
    """What is wrong after a run; nothing if all is as promised."""
    return [*Oracle(run).findings()]


class Oracle:
    """Reads the database by plain SQL, so that a bug in the product's look-ups hides nothing."""

    def __init__(self, run: Simulation) -> None:
        self._run = run
        with sqlite3.connect(f"file:{run.file}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            self._results = connection.execute("SELECT * FROM bias_test_results").fetchall()
            self._rows = connection.execute(
                "SELECT outbox.*, test_id, deleted_at, model_id FROM outbox"
                " JOIN bias_test_results ON result_id = bias_test_results.id"
            ).fetchall()
            self._attempts = connection.execute(
                "SELECT delivery_attempts.*, provider, delivery_key FROM delivery_attempts"
                " JOIN outbox ON delivery_id = outbox.id"
            ).fetchall()
            self._counts = connection.execute(
                "SELECT provider, status, sum(count) AS count FROM delivery_counts"
                " GROUP BY provider, status"
            ).fetchall()
            self._states = connection.execute("SELECT * FROM provider_state").fetchall()
            self._writes = [audit.Write(*row) for row in connection.execute(audit.READ)]
            self._check = connection.execute("PRAGMA integrity_check").fetchone()[0]
        connection.close()

    def findings(self) -> Iterator[str]:
        yield from self._of_saves()
        for row in self._rows:
            yield from self._of_row(row)
        yield from self._of_services()
        started = self._run.host.ever_started
        killed = {name for name, process in started.items() if process.was_killed}
        yield from (f"fence: {breach}" for breach in audit.breaches(self._writes, killed))
        yield from self._of_attempts()
        yield from self._of_counted_attempts()
        yield from self._of_second_runs()
        yield from self._of_counts()
        yield from self._of_states()
        yield from self._of_errors()
        if self._check != "ok":
            yield f"error: the database is damaged: {self._check}"

    def _of_saves(self) -> Iterator[str]:
        kept = {(row["user_id"], row["test_id"], row["digest"]): row["id"] for row in self._results}
        owed = Counter(row["result_id"] for row in self._rows)
        for row in self._results:
            if row["deleted_at"] is None and owed[row["id"]] != len(self._run.settings.owed):
                yield f"lost: the result {row['test_id']} has no delivery for each provider"
        for identity in self._run.acknowledged:
            if identity[1] in self._run.deleted:
                continue
            if identity not in kept:
                yield f"lost: the acknowledged result {identity[1]} is not in the database"

    def _of_row(self, row: Any) -> Iterator[str]:
        """A run that a user deleted at W&B before it was confirmed is waited for, for a day."""
        where = f"{row['test_id']} for {row['provider']}"
        match row["status"]:
            case "pending" if row["delivery_key"] not in self._run.deleted_runs:
                yield f"stuck: {where} is pending: {row['last_error']}"
            case "delivered":
                yield from self._of_delivered(row, where)
            case "dead" if not self._may_be_dead(row):
                yield f"dead: {where}: {row['last_error_kind']}: {row['last_error']}"

    def _of_delivered(self, row: Any, where: str) -> Iterator[str]:
        run = self._service(row).runs.get(row["run_id"])
        if run is None:
            yield f"false: {where} is delivered, and there is no run {row['run_id']}"
        elif row["run_id"] in self._run.deleted_runs:
            return
        elif run.is_deleted:
            yield f"false: {where} is delivered, and its run was deleted by us"
        elif not run.is_whole or run.value != int(row["test_id"].partition("-")[2]) / 64:
            yield f"false: {where} is delivered, and its run is not whole: {run}"[:300]

    def _may_be_dead(self, row: Any) -> bool:
        """Refused for good, deleted by a user, or each of its attempts met with something."""
        if row["last_error_kind"] in _MAY_BE_DEAD:
            is_refused = row["model_id"] == f"refused by {row['provider']}"
            deleted = {
                run.key if isinstance(run, MlflowRun) else run.id
                for run in self._service(row).runs.values()
                if run.id in self._run.deleted_runs
            }
            return is_refused or row["delivery_key"] in deleted
        return bool(row["attempts"] >= self._run.settings.max_attempts)

    def _service(self, row: Any) -> Any:
        return self._run.mlflow if row["provider"] == "mlflow" else self._run.wandb

    def _of_services(self) -> Iterator[str]:
        known = {row["delivery_key"]: row for row in self._rows}
        kept = Counter(run.key for run in self._run.mlflow.runs.values() if not run.is_deleted)
        for key, count in kept.items():
            if key not in known:
                yield f"twice: MLflow holds a run of an unknown key {key}"
            elif count > 1:
                yield f"twice: MLflow holds {count} runs of {known[key]['test_id']}"
        for key in self._run.wandb.runs:
            if key not in known:
                yield f"twice: W&B holds a run of an unknown key {key}"
        for run in self._run.mlflow.runs.values():
            if not run.is_deleted and run.status == "RUNNING" and run.key in known:
                row = known[run.key]
                if row["status"] != "pending":
                    yield f"false: a run of {row['test_id']}, {row['status']}, is left running"

    def _of_attempts(self) -> Iterator[str]:
        """Yields attempts that count, though nothing but an unavailable provider was in their way."""
        struck = self._run.faults.struck
        if self._may_have_woken_late or any(fault.effect == "full" for fault in struck):
            return
        lags = any(step.what == "lag" for step in self._run.plan.steps)
        for attempt in self._attempts:
            if attempt["outcome"] in ("delivered", "released"):
                continue
            worker = self._run.workers.get(attempt["worker"])
            is_disturbed = worker is None or worker.was_disturbed
            doubtful = getattr(self._run, attempt["provider"]).doubtful
            if is_disturbed or attempt["delivery_key"] in doubtful or "" in doubtful:
                continue
            if attempt["error_kind"] in _MAY_BE_DEAD:
                continue
            if lags and attempt["error_kind"] == "unconfirmed":
                continue
            yield (
                f"attempt: {attempt['delivery_key']} at {attempt['provider']} counts"
                f" {attempt['outcome']} ({attempt['error_kind']}: {attempt['error']}) without a reason"
            )

    def _of_counted_attempts(self) -> Iterator[str]:
        """Yields deliveries that count more attempts than were made and not given back.

        Where a retention is set, attempts are pruned.
        """
        if self._run.settings.retention is not None:
            return
        made = Counter(one["delivery_id"] for one in self._attempts if one["outcome"] != "released")
        for row in self._rows:
            if row["id"] in made and row["attempts"] > made[row["id"]]:
                yield (
                    f"attempt: {row['test_id']} for {row['provider']} counts {row['attempts']}"
                    f" attempts, and {made[row['id']]} were made"
                )

    def _of_second_runs(self) -> Iterator[str]:
        """Yields keys of which MLflow made a second run, where nothing came too late for the grace period."""
        if self._may_have_woken_late or any(
            fault.effect == "late" and fault.seconds > _GRACE_S for fault in self._run.faults.struck
        ):
            return
        made = Counter(run.key for run in self._run.mlflow.runs.values())
        for key, count in made.items():
            if count > 1:
                yield f"twice: MLflow was sent {count} runs of {key}, though nothing was late"

    @property
    def _may_have_woken_late(self) -> bool:
        """Whether a process may have gone on after its lease: it stood still, or a clock was set."""
        stood = any(fault.effect == "freeze" for fault in self._run.faults.struck)
        stepped = any(step.what in _STANDING_STILL for step in self._run.plan.steps)
        return stood or stepped or self._run.slept_at_work

    def _of_counts(self) -> Iterator[str]:
        real = Counter((row["provider"], row["status"]) for row in self._rows)
        told = {
            (row["provider"], row["status"]): row["count"] for row in self._counts if row["count"]
        }
        if told != dict(real):
            yield f"error: the counters say {told}, and there are {dict(real)}"

    def _of_states(self) -> Iterator[str]:
        for row in self._states:
            if row["state"] != "ready" and row["provider"] in self._run.settings.enabled:
                waits = [one for one in self._rows if one["provider"] == row["provider"]]
                if any(one["status"] == "pending" for one in waits):
                    yield f"stuck: {row['provider']} is {row['state']}: {row['reason']}"

    def _of_errors(self) -> Iterator[str]:
        for error in self._run.world.crashes:
            yield f"error: a strand ended with {error!r}"
        for name, error in self._run.errors:
            if not isinstance(error, StorageError):
                yield f"error: {name} ended with {error!r}"
