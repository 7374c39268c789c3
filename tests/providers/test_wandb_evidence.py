"""Evidence beside a run of W&B, by the real SDK: every byte, once, and never in the way of numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.operating import evidence_actions
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
from tests.providers.test_wandb import WandbLab
from tests.standins.faults import Action
from tests.standins.wandb import Fault, StandInRun, StandInWandb
from tests.support.deliveries import pass_time
from tests.support.diagonals import pairs, some_of
from tests.support.evidence_held import at_wandb, made

GROUPS = {"selection_rate": {"female": 0.31, "male": 0.52}}
LATE_S = 11.0
"""Longer than any of our time-outs."""


@pytest.fixture
def lab(engine: Engine, wandb_standin: StandInWandb, tmp_path: Path) -> WandbLab:
    lab = WandbLab(engine, wandb_standin, tmp_path)
    lab.save(results=GROUPS)
    return lab


def run_of(lab: WandbLab) -> StandInRun:
    (run,) = lab.standin.runs.values()
    return run


def evidence(record: DeliveryRecord) -> tuple[str, str | None]:
    return record.status, record.evidence_state


def is_whole(lab: WandbLab) -> bool:
    """Whether the only run is finished, has one row and every byte of its evidence, and is recorded so."""
    (record,) = lab.records()
    run = run_of(lab)
    return (
        evidence(record) == ("delivered", "stored")
        and (run.state, run.inserts, len(run.history)) == ("finished", 1, 1)
        and {run.id: at_wandb(lab.standin, run.id)} == made(lab.engine)
    )


def drain_again(lab: WandbLab) -> DeliveryRecord:
    """Undisturbed, and long after."""
    lab.standin.faults.replace([])
    pass_time(lab.engine)
    return lab.drain()


def test_every_byte_of_the_evidence_is_in_the_runs_files(lab: WandbLab) -> None:
    lab.drain()
    assert is_whole(lab)


def test_the_row_points_to_report_and_table(lab: WandbLab) -> None:
    lab.drain()
    run = run_of(lab)
    for name, kind in (("evidence/report", "html-file"), ("evidence/groups", "table-file")):
        pointer = run.history[0][name]
        assert (pointer["_type"], pointer["path"] in run.files) == (kind, True)


@pytest.mark.parametrize(("kind", "names"), [("result", ["evidence/result.json"]), ("none", [])])
def test_less_evidence_can_be_chosen(lab: WandbLab, kind: str, names: list[str]) -> None:
    record = lab.drain(FAIRMIND_SYNC_EVIDENCE=kind)
    assert sorted(run_of(lab).files) == names
    assert evidence(record) == ("delivered", None if kind == "none" else "stored")


def test_without_evidence_no_request_more_is_made(lab: WandbLab) -> None:
    lab.drain(FAIRMIND_SYNC_EVIDENCE="none")
    assert not {"create_files", "put"} & {*lab.standin.store.requests}


@pytest.mark.parametrize(
    ("kind", "action", "status"),
    some_of(
        [
            ("put", "status", 403),
            ("create_files", "graphql_error", 200),
            ("put", "status", 404),
            ("put", "status", 500),
            ("create_files", "status", 403),
            ("put", "graphql_error", 200),
        ],
        1,
    ),
)
def test_a_refusal_holds_no_number_back_and_is_made_good_later(
    lab: WandbLab, kind: str, action: Action, status: int
) -> None:
    lab.standin.faults.replace([Fault(kind, action, status=status)])
    assert evidence(lab.drain()) == ("delivered", "refused")
    assert (run_of(lab).state, len(run_of(lab).history)) == ("finished", 1)
    drain_again(lab)
    assert is_whole(lab)


@pytest.mark.parametrize(
    ("kind", "action"),
    some_of([("put", "hang"), ("create_files", "status"), ("create_files", "hang")], 1),
)
def test_files_that_nobody_takes_hold_no_number_back(
    lab: WandbLab, kind: str, action: Action
) -> None:
    """Where they let the whole upload fail, the run is sent without them in the end."""
    lab.standin.faults.replace([Fault(kind, action, status=500)])
    for _ in range(3):
        record = lab.drain()
        pass_time(lab.engine)
        if record.status == "delivered":
            break
    assert record.status == "delivered"
    drain_again(lab)
    assert is_whole(lab)


@pytest.mark.parametrize(
    ("kind", "action"),
    pairs(
        ("create_files", "put"),
        ("drop_after", "half", "empty", "html", "late", "drop_before"),
        ("put", "drop_after"),
    ),
)
def test_a_disturbance_is_made_good_at_once_or_later(
    lab: WandbLab, kind: str, action: Action
) -> None:
    lab.standin.faults.replace([Fault(kind, action, seconds=LATE_S, times=1)])
    lab.drain()
    drain_again(lab)
    drain_again(lab)
    assert is_whole(lab)


def test_late_files_leave_the_rest_of_the_run_as_users_made_it(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("put", "status", status=403)])
    lab.drain()
    run = run_of(lab)
    run.display_name, run.tags, run.notes = "theirs", ["theirs"], "theirs"
    config, history = run.config, run.history
    drain_again(lab)
    assert (run.display_name, run.tags, run.notes) == ("theirs", ["theirs"], "theirs")
    assert (run.config, run.history) == (config, history)
    assert is_whole(lab)


def test_a_run_that_was_deleted_gets_no_evidence(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("put", "status", status=403)])
    lab.drain()
    lab.standin.store.delete(lab.key())
    record = drain_again(lab)
    assert (record.evidence_reason, record.evidence_due_at) == (
        "the run was deleted at W&B",
        None,
    )
    assert lab.standin.runs == {}


def test_a_run_that_was_delivered_without_evidence_gets_it_once(lab: WandbLab) -> None:
    lab.drain(FAIRMIND_SYNC_EVIDENCE="none")
    counts = [evidence_actions.backfill(lab.engine, "wandb") for _ in range(2)]
    lab.drain()
    run = run_of(lab)
    assert counts == [1, 0]
    assert {run.id: at_wandb(lab.standin, run.id)} == made(lab.engine)
    assert (run.state, len(run.history)) == ("finished", 1)


def test_files_that_are_there_already_are_not_sent_again(lab: WandbLab) -> None:
    lab.drain()
    lab.write(evidence_state="waiting")
    sent = lab.standin.store.requests["put"]
    evidence_actions.retry(lab.engine, ["wandb"])
    assert evidence(lab.drain()) == ("delivered", "stored")
    assert lab.standin.store.requests["put"] == sent
