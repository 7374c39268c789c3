"""Judges evidence at rest: what is told as stored is there, byte for byte, and what can be stored is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from fairmind_sync.evidence.files import Evidence, evidence_of
from fairmind_sync.outbox.saved_results import saved_result_of
from fairmind_sync.providers.mlflow.run_evidence import DIGEST_TAG, FOLDER, STATE_TAG
from fairmind_sync.providers.wandb.run_files import NAMES
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.evidence_states import STORED
from fairmind_sync.storage.engine import open_engine, reading
from fairmind_sync.storage.tables import results_table
from tests.simulation.simulation import Simulation
from tests.simulation.site_oracle import MAY_BE_DEAD, SiteOracle, may_have_woken_late

OF_FILES = {"store_file", "read_file", "create_files", "log_dataset"}
"""Requests without which the numbers of a run are whole."""


class EvidenceOracle:
    """Compares what a site says of each delivered run's evidence with the files that the service holds."""

    def __init__(self, run: Simulation, site: SiteOracle) -> None:
        self._run = run
        self._site = site
        self._kind = run.plan.evidence
        self._results = self._read() if self._kind != "none" else {}

    def _read(self) -> dict[int, SavedResult]:
        """The results whose payload is there, by their ids."""
        site = self._site.site
        engine = open_engine(site.database.store.url, site.host.time)
        kept = results_table.c.erased_at.is_(None), results_table.c.deleted_at.is_(None)
        with reading(engine) as connection:
            rows = connection.execute(select(results_table).where(*kept)).all()
        engine.dispose()
        return {row.id: saved_result_of(row) for row in rows}

    def findings(self) -> Iterator[str]:
        for row in self._site.rows:
            where = f"{row['test_id']} for {row['provider']}"
            if row["status"] == "delivered":
                yield from self._of_row(row, where)
            elif row["status"] == "dead" and self._was_held_back(row):
                yield f"evidence: {where} is dead, and nothing befell it but its files"

    def _was_held_back(self, row: Any) -> bool:
        """Whether each attempt failed, and nothing but requests for files met with anything.

        What another site gave up, which may have deleted it, had its attempts there.
        """
        if row["last_error_kind"] in MAY_BE_DEAD:
            return False
        befell = getattr(self._run, row["provider"]).befell
        made = [one for one in self._site.attempts if one["delivery_id"] == row["id"]]
        all_failed = all(one["outcome"] in ("retry", "dead") for one in made)
        met = befell.get(row["delivery_key"], set()) | befell.get("", set())
        was_alive = all(self._is_undisturbed(one["worker"]) for one in made)
        return bool(made and met) and met <= OF_FILES and all_failed and was_alive

    def _is_undisturbed(self, worker: str) -> bool:
        process = self._site.site.workers.get(worker)
        return process is not None and not process.was_disturbed

    def _of_row(self, row: Any, where: str) -> Iterator[str]:
        """What is deleted or erased has no files."""
        state = row["evidence_state"]
        if self._kind == "none":
            if state is not None:
                yield f"evidence: that of {where} is {state}, and nobody wants any"
            return
        if row["run_id"] in self._run.deleted_runs or row["result_id"] not in self._results:
            return
        if row["id"] in self._site.handed_over:
            yield from self._of_told(row, where)
        elif state == STORED:
            yield from self._of_stored(row, where)
        elif self._site.site.has_network:
            yield from self._of_missing(row, where)

    def _of_told(self, row: Any, where: str) -> Iterator[str]:
        """Whoever delivered what was handed over may have saved the same result, at another time."""
        if row["evidence_state"] == STORED:
            wanted, held = self._wanted(row), self._held(row["provider"], row["run_id"])
            if wanted.keys() != held.keys():
                yield f"false: the evidence of {where} is told as stored elsewhere: {sorted(held)}"

    def _of_stored(self, row: Any, where: str) -> Iterator[str]:
        wanted, held = self._wanted(row), self._held(row["provider"], row["run_id"])
        if held != wanted:
            wrong = sorted(name for name in wanted | held if wanted.get(name) != held.get(name))
            yield f"false: the evidence of {where} is told as stored, and wrong are {wrong}"
        if row["provider"] == "mlflow":
            yield from self._of_run(row, where, self._made(row).digest)

    def _of_run(self, row: Any, where: str, digest: str) -> Iterator[str]:
        """The tags may be those of an attempt that came late."""
        run = self._run.mlflow.runs[row["run_id"]]
        if len(run.inputs) != 1:
            yield f"twice: the run of {where} has the datasets {run.inputs}"
        told = run.tags.get(STATE_TAG), run.tags.get(DIGEST_TAG)
        was_late = (
            may_have_woken_late(self._run) or row["delivery_key"] in self._run.mlflow.doubtful
        )
        if told != (STORED, digest) and not was_late:
            yield f"false: the evidence of {where} is stored, and its run is tagged {told}"

    def _made(self, row: Any) -> Evidence:
        return evidence_of(self._results[row["result_id"]], self._kind)

    def _wanted(self, row: Any) -> dict[str, bytes]:
        """The files by their names at the provider."""
        files = self._made(row).files
        is_mlflow = row["provider"] == "mlflow"
        names = {one.name: f"{FOLDER}/{one.name}" for one in files} if is_mlflow else NAMES
        return {names[one.name]: one.content for one in files}

    def _held(self, provider: str, run_id: str) -> dict[str, bytes]:
        if provider == "mlflow":
            return self._run.mlflow.files.get(run_id, {})
        return self._run.wandb.runs[run_id].files

    def _of_missing(self, row: Any, where: str) -> Iterator[str]:
        """Evidence is missing where its store takes none to this day, and is tried again."""
        told = f"the evidence of {where} is {row['evidence_state']}: {row['evidence_reason']}"
        if getattr(self._run, row["provider"]).store.is_well(self._run.world.now):
            yield f"stuck: {told}"
        elif row["evidence_due_at"] is None:
            yield f"stuck: {told}, and never tried again"
