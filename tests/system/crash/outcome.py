"""What a crash test looks at in the end: is each result one complete run, recorded under its id?"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, update

from fairmind_sync.clock import utc_now
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from tests.providers.lab import Lab
from tests.providers.test_mlflow import MlflowLab
from tests.providers.test_wandb import WandbLab
from tests.support.evidence_held import at_mlflow, at_wandb, made
from tests.support.processes import eventually

RESULTS = 3


def let_leases_run_out(engine: Engine) -> None:
    """As if their time had passed; whoever holds one must not be at work."""
    with writing(engine) as connection:
        held = outbox_table.c.lease_expires_at.is_not(None)
        past = utc_now() - timedelta(seconds=1)
        connection.execute(update(outbox_table).where(held).values(lease_expires_at=past))


def save_results(lab: Lab) -> None:
    for number in range(RESULTS):
        lab.save(results={"accuracy": number / 7, "groups": {"a": number, "b": 2}})


def held(lab: Lab, view: str) -> list[tuple[str, str, int]]:
    """Each run's id, its state, and how many values or rows it holds."""
    if isinstance(lab, MlflowLab):
        return sorted((run.id, run.status, len(run.metrics)) for run in lab.runs(view))
    assert isinstance(lab, WandbLab)
    return sorted((run.id, run.state, len(run.history)) for run in lab.standin.runs.values())


def recorded(lab: Lab) -> list[str]:
    """The run ids of what is recorded as delivered."""
    return sorted(str(one.run_id) for one in lab.records() if one.status == "delivered")


def delivered_once(lab: Lab, view: str = "ALL", count: int = RESULTS) -> bool:
    """Waits until so many are recorded, with their evidence.

    Each result is one complete run then, beside every byte of its evidence, and no other run exists. With the
    view ACTIVE_ONLY, MLflow may hold runs that were deleted: by a sweep, as duplicates.
    """
    eventually(lambda: len(recorded(lab)) == count and has_all_evidence(lab))
    complete = ("FINISHED", 3) if isinstance(lab, MlflowLab) else ("finished", 1)
    return held(lab, view) == [(run_id, *complete) for run_id in recorded(lab)]


def has_all_evidence(lab: Lab) -> bool:
    """Whether all evidence that is recorded as stored is that, and all is."""
    delivered = [one for one in lab.records() if one.status == "delivered"]
    if {one.evidence_state for one in delivered} != {"stored"}:
        return False
    kept = {str(one.run_id): evidence_held(lab, str(one.run_id)) for one in delivered}
    assert kept == made(lab.engine)
    return True


def evidence_held(lab: Lab, run_id: str) -> dict[str, bytes]:
    """The files that the provider holds of the run."""
    if isinstance(lab, MlflowLab):
        return at_mlflow(lab.uri, run_id)
    assert isinstance(lab, WandbLab)
    return at_wandb(lab.standin, run_id)
