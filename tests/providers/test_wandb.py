"""The real SDK and wandb-core against the stand-in: what counts as delivered, and what doesn't."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.conftest import API_KEY
from tests.providers.lab import Lab
from tests.standins.wandb import Fault, StandInWandb
from tests.support.diagonals import one_of


class WandbLab(Lab):
    """Drains into a stand-in of its own."""

    def __init__(self, engine: Engine, standin: StandInWandb, scratch: Path) -> None:
        self.standin = standin
        self.scratch = scratch
        env = {"WANDB_API_KEY": API_KEY, "WANDB_BASE_URL": standin.base_url, "TMPDIR": str(scratch)}
        super().__init__(engine, "wandb", env)


@pytest.fixture
def lab(engine: Engine, wandb_standin: StandInWandb, tmp_path: Path) -> WandbLab:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    lab = WandbLab(engine, wandb_standin, scratch)
    lab.save()
    return lab


def test_the_recorded_url_is_the_one_the_service_gave(lab: WandbLab) -> None:
    record = lab.drain()
    base = lab.standin.base_url
    assert record.run_url == f"{base}/standin/fairmind-bias-detection/runs/{record.run_id}"


def test_the_destination_is_recorded_as_delivered(lab: WandbLab) -> None:
    assert lab.drain(WANDB_ENTITY="team").destination == "team/fairmind-bias-detection"


@pytest.mark.parametrize("status", one_of([403, 401, 404, 409, 413]))
def test_a_refused_file_stream_is_never_delivered(lab: WandbLab, status: int) -> None:
    lab.standin.faults.replace([Fault("file_stream", "status", status=status)])
    record = lab.drain()
    assert (record.status, record.last_error_kind) == ("pending", "unconfirmed")


def test_what_was_not_confirmed_is_delivered_once_the_service_takes_it(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("file_stream", "status", status=403)])
    lab.drain()
    lab.standin.faults.replace([])
    lab.write(due_at=datetime.now(UTC))
    record = lab.drain()
    assert (record.status, len(lab.standin.runs)) == ("delivered", 1)


@pytest.mark.parametrize("kind", one_of(["file_stream", "upsert", "read_back"]))
def test_a_lost_reply_leaves_one_run_with_one_row(lab: WandbLab, kind: Any) -> None:
    lab.standin.faults.replace([Fault(kind, "drop_after", times=1)])
    lab.drain()
    lab.write(due_at=datetime.now(UTC))
    lab.drain()
    (run,) = lab.standin.runs.values()
    assert (run.inserts, len(run.history), lab.records()[0].status) == (1, 1, "delivered")


def test_a_run_that_is_complete_but_not_recorded_is_not_sent_again(lab: WandbLab) -> None:
    lab.drain()
    upserts = lab.standin.store.requests["upsert"]
    lab.write(status="pending", finished_at=None, run_id=None)
    record = lab.drain()
    assert (record.status, lab.standin.store.requests["upsert"]) == ("delivered", upserts)


def test_a_delivery_that_cannot_be_read_back_waits_and_is_not_sent_again(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("read_back", "html")])
    waiting = lab.drain()
    lab.standin.faults.replace([])
    record = lab.drain()
    (run,) = lab.standin.runs.values()
    assert (waiting.status, waiting.attempts, record.status, len(run.history)) == (
        "pending",
        0,
        "delivered",
        1,
    )


def test_runs_of_a_new_core_go_to_the_address_that_was_configured(lab: WandbLab) -> None:
    """The SDK reads its variables again after a restart, and other threads see them half read."""
    upload = (
        "import os\n"
        "from fairmind_sync.providers import open_provider\n"
        "from fairmind_sync.settings import load_settings\n"
        "sdk = open_provider('wandb', load_settings())._sdk\n"
        "del os.environ['WANDB_BASE_URL']\n"
        "sdk.restart()\n"
        "print(sdk._run_settings().base_url)\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", upload],
        env={**os.environ, **lab.env},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == lab.standin.base_url


def test_a_run_that_a_user_deleted_is_not_made_again(lab: WandbLab) -> None:
    lab.standin.store.deleted.add(lab.key())
    assert lab.drain().status == "dead"


def test_a_wrong_key_blocks_the_provider_and_says_what_to_check(lab: WandbLab) -> None:
    record = lab.drain(WANDB_API_KEY="f" * 40)
    state = lab.state()
    assert (record.attempts, state.state, "WANDB_API_KEY" in str(state.reason)) == (
        0,
        "blocked",
        True,
    )


def test_a_key_with_its_files_last_newline_is_used_without_it(lab: WandbLab) -> None:
    assert lab.drain(WANDB_API_KEY=f"{API_KEY}\n").status == "delivered"


def test_a_missing_key_blocks_the_provider(lab: WandbLab) -> None:
    lab.drain(WANDB_API_KEY="")
    assert lab.state().state == "blocked"


def test_a_service_that_is_away_uses_up_no_attempt(lab: WandbLab) -> None:
    lab.standin.stop()
    record = lab.drain()
    assert (record.attempts, lab.state().state) == (0, "offline")


def test_a_failure_while_the_service_goes_away_is_not_blamed_on_the_delivery(lab: WandbLab) -> None:
    for _ in range(3):
        lab.save()
    lab.standin.faults.replace(
        [
            Fault("file_stream", "status", status=403, times=2),
            Fault("viewer", "status", status=503, skip=1),
        ]
    )
    lab.drain()
    waiting = [record.attempts for record in lab.records() if record.status == "pending"]
    assert (set(waiting), lab.state().state) == ({0}, "offline")


def test_a_service_that_asks_for_patience_is_left_alone_that_long(lab: WandbLab) -> None:
    lab.standin.faults.replace([Fault("any", "status", status=429, retry_after=1800)])
    lab.drain()
    probe_at = lab.state().next_probe_at
    assert probe_at is not None
    assert (probe_at - datetime.now(UTC)).total_seconds() > 1700


def test_the_key_is_not_written_to_any_file(lab: WandbLab, tmp_path: Path) -> None:
    lab.drain()
    holding = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and API_KEY.encode() in path.read_bytes()
    ]
    assert holding == []


def test_a_drain_leaves_no_scratch_file(lab: WandbLab) -> None:
    lab.drain()
    assert list(lab.scratch.iterdir()) == []


def test_a_result_without_metrics_is_delivered(lab: WandbLab) -> None:
    lab.save(results={"verdict": "fair"})
    assert lab.drain().status == "delivered"


def test_difficult_texts_arrive_as_they_were_saved(lab: WandbLab) -> None:
    difficult = {"quotes": "'\"`;--", "emoji": "⚖️", "lines": "a\nb", "empty": ""}
    lab.save(metadata=difficult)
    run = lab.standin.runs[str(lab.drain().run_id)]
    assert {key: run.config[key] for key in difficult} == difficult
