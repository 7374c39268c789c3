"""The fault matrix for W&B: one request of a kind is disturbed; each result ends as one complete run."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from tests.providers.test_wandb import WandbLab
from tests.standins.faults import Action
from tests.standins.wandb import Fault, StandInWandb
from tests.support.deliveries import pass_time
from tests.support.diagonals import one_of, pairs
from tests.support.evidence_held import at_wandb, made
from tests.support.processes import eventually

KINDS = (
    "viewer",
    "resume_status",
    "upsert",
    "create_files",
    "put",
    "file_stream",
    "file_stream_complete",
    "upsert_finish",
    "read_back",
)
LOST: tuple[Action, ...] = ("drop_after", "half", "empty", "html", "late")
LATE_S = 11.0
"""Longer than any of our time-outs."""


@pytest.fixture
def lab(engine: Engine, wandb_standin: StandInWandb, tmp_path: Path) -> WandbLab:
    lab = WandbLab(engine, wandb_standin, tmp_path)
    lab.save(results={"accuracy": 0.25, "groups": {"a": 1}})
    return lab


def drain_until_done(lab: WandbLab) -> None:
    """Undisturbed, each drain with all that waits due, missing evidence too."""
    lab.standin.faults.replace([])
    for _ in range(3):
        record = lab.records()[0]
        if (record.status, record.evidence_state) == ("delivered", "stored"):
            return
        pass_time(lab.engine)
        lab.drain()


def is_one_complete_run(lab: WandbLab) -> bool:
    (record,) = lab.records()
    held = [
        (run.id, run.state, run.inserts, [row["accuracy"] for row in run.history])
        for run in lab.standin.runs.values()
    ]
    return (
        record.status == "delivered"
        and held == [(record.run_id, "finished", 1, [0.25])]
        and {record.run_id: at_wandb(lab.standin, str(record.run_id))} == made(lab.engine)
    )


@pytest.mark.parametrize(("kind", "action"), pairs(KINDS, LOST, ("file_stream", "late")))
def test_a_lost_reply(lab: WandbLab, kind: str, action: Action) -> None:
    lab.standin.faults.replace([Fault(kind, action, seconds=LATE_S, times=1)])
    lab.drain()
    drain_until_done(lab)
    assert is_one_complete_run(lab)


@pytest.mark.parametrize(
    ("kind", "action"),
    pairs(("upsert", "read_back", "file_stream"), ("drop_before", "hang"), ("upsert", "hang")),
)
def test_a_request_that_never_arrived(lab: WandbLab, kind: str, action: Action) -> None:
    lab.standin.faults.replace([Fault(kind, action, times=1)])
    lab.drain()
    drain_until_done(lab)
    assert is_one_complete_run(lab)


@pytest.mark.parametrize("status", one_of([503, 500]))
def test_a_file_stream_that_fails_for_ever_is_never_delivered(lab: WandbLab, status: int) -> None:
    lab.standin.faults.replace([Fault("file_stream", "status", status=status)])
    assert lab.drain().status == "pending"


@pytest.mark.nightly
def test_a_file_stream_that_answers_nonsense_for_ever_is_never_delivered(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("file_stream", "graphql_error")])
    record = lab.drain()
    assert (record.status, record.last_error_kind) == ("pending", "unconfirmed")


@pytest.mark.parametrize("status", one_of([500, 403]))
def test_a_refused_second_upsert_takes_nothing_from_the_run(lab: WandbLab, status: int) -> None:
    lab.standin.faults.replace([Fault("upsert_finish", "status", status=status)])
    lab.drain()
    drain_until_done(lab)
    assert is_one_complete_run(lab)


def test_a_result_that_is_too_large_dies_and_its_neighbour_is_delivered(lab: WandbLab) -> None:
    lab.save(test_id="large", metadata={}, results={"risk_level": "x" * 11_000_000, "a": 1})
    lab.drain()
    assert {record.test_id == "large": record.status for record in lab.records()} == {
        True: "dead",
        False: "delivered",
    }


@pytest.mark.nightly
def test_a_run_that_a_user_deleted_after_a_part_of_it_arrived_is_not_made_again(
    lab: WandbLab,
) -> None:
    lab.standin.faults.replace([Fault("file_stream", "status", status=403)])
    lab.drain()
    lab.standin.faults.replace([])
    lab.standin.store.delete(lab.key())
    lab.write(due_at=datetime.now(UTC))
    assert (lab.drain().status, lab.standin.runs) == ("dead", {})


def test_a_wandb_core_that_is_killed_in_an_upload_leaves_one_run(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("file_stream", "delay", seconds=3, times=1)])
    draining = threading.Thread(target=lab.drain)
    draining.start()
    eventually(lambda: lab.standin.store.requests["file_stream"])
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # another has just ended
            if "wandb-core" in process.name():
                process.kill()
    draining.join()
    drain_until_done(lab)
    assert is_one_complete_run(lab)


@pytest.mark.parametrize(
    ("kind", "garbled"),
    pairs(["resume_status", "upsert"], ["html", "half", "empty"], ("upsert", "html")),
)
def test_an_answer_that_is_none_is_no_refusal(lab: WandbLab, kind: str, garbled: Action) -> None:
    lab.standin.faults.replace([Fault(kind, garbled)])
    for _ in range(2):
        record = lab.drain()
        lab.write(due_at=datetime.now(UTC))
    assert (record.status, record.last_error_kind) == ("pending", "upload_failed")
    lab.standin.faults.replace([])
    assert lab.drain().status == "delivered"


def test_a_single_page_in_the_place_of_the_viewer_blocks_nobody(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("viewer", "html", times=1)])
    assert (lab.drain().status, lab.standin.faults.struck) == ("delivered", 1)
