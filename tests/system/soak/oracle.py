"""Judges a soak by two things alone: what was saved, and what the servers hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
from tests.standins.wandb import StandInRun
from tests.support.evidence_held import Files
from tests.support.mlflow_runs import HeldRun


@dataclass(frozen=True)
class Found:
    """One run at a server: which test it is of, and whether it is the whole of it."""

    test_id: str
    run_id: str
    is_complete: bool


@dataclass(frozen=True)
class Verdict:
    """Counts; all but `held` should be nothing."""

    held: int
    lost: int
    duplicated: int
    incomplete: int
    false_delivered: int
    stuck: int
    without_evidence: int
    false_stored: int

    @property
    def is_clean(self) -> bool:
        return not any(count for name, count in asdict(self).items() if name != "held")


def expected_metrics(number: int) -> dict[str, float]:
    return {"accuracy": number / 7, "groups/a": float(number)}


def in_mlflow(runs: Iterable[HeldRun]) -> list[Found]:
    return [
        Found(
            test_id := run.params.get("test_id", ""),
            run.id,
            run.status == "FINISHED" and run.metrics == expected_metrics(_number(test_id)),
        )
        for run in runs
    ]


def in_wandb(runs: Iterable[StandInRun]) -> list[Found]:
    return [
        Found(
            test_id := str(run.config["test_id"]),
            run.id,
            run.state == "finished" and _rows(run) == [expected_metrics(_number(test_id))],
        )
        for run in runs
        if "test_id" in run.config  # else it is the check of a refusal, of which the reply was lost
    ]


def judge(
    saved: set[str],
    found: list[Found],
    records: list[DeliveryRecord],
    evidence: Mapping[str, Files],
    made: Mapping[str, Files],
) -> Verdict:
    """`records` are the deliveries to this server, as the database tells them.

    `evidence` has the files that the server holds of each run, `made` those that the run's result makes.
    """
    copies = Counter(run.test_id for run in found)
    complete = {run.run_id for run in found if run.is_complete}
    delivered = [record for record in records if record.status == "delivered"]
    return Verdict(
        held=len(found),
        lost=len(saved - copies.keys()),
        duplicated=sum(count - 1 for count in copies.values()),
        incomplete=sum(not run.is_complete for run in found),
        false_delivered=sum(record.run_id not in complete for record in delivered),
        stuck=len(saved) - len({record.test_id for record in delivered}),
        without_evidence=sum(record.evidence_state != "stored" for record in delivered),
        false_stored=sum(
            evidence.get(str(record.run_id)) != made[str(record.run_id)]
            for record in delivered
            if record.evidence_state == "stored"
        ),
    )


def _number(test_id: str) -> int:
    return int(test_id.rpartition("-")[2] or -1)


def _rows(run: StandInRun) -> list[dict[str, float]]:
    return [
        {key: value for key, value in row.items() if not key.startswith(("_", "evidence/"))}
        for row in run.history
    ]
