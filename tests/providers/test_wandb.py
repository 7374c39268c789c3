"""The real SDK and wandb-core against the stand-in: what counts as delivered, and what doesn't."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fairmind_sync import bias_test_results, lookup
from fairmind_sync.database import reading, writing
from fairmind_sync.lookup import DeliveryRecord, RunFilter
from fairmind_sync.models import outbox
from fairmind_sync.settings import Settings
from fairmind_sync.testing import new_result
from sqlalchemy import Engine, update

from tests.conftest import API_KEY
from tests.processes import command
from tests.standins.wandb import Fault, StandInWandb


class Lab:
    """One saved result, a database, and drains of it."""

    def __init__(self, engine: Engine, url: str, standin: StandInWandb, scratch: Path) -> None:
        self.engine = engine
        self.standin = standin
        self.env = {
            "MLOPS_PROVIDER": "wandb",
            "WANDB_API_KEY": API_KEY,
            "WANDB_BASE_URL": standin.base_url,
            "FAIRMIND_SYNC_DATABASE_URL": url,
            "TMPDIR": str(scratch),
        }
        self.settings = Settings(provider="wandb", database_url=url)

    def save(self, **changes: Any) -> None:
        bias_test_results.save_all([new_result(**changes)], self.settings)

    def drain(self, **env: str) -> DeliveryRecord:
        """Drains once; the newest delivery afterwards."""
        command("drain", env=self.env | env, check=False)
        return self.record()

    def record(self) -> DeliveryRecord:
        with reading(self.engine) as connection:
            return lookup.deliveries(connection, RunFilter())[0]

    def write(self, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(outbox).values(**values))

    def state(self) -> tuple[str, str | None]:
        with reading(self.engine) as connection:
            state = lookup.backlog(connection, "wandb").state
        return state.state, state.reason


@pytest.fixture
def lab(engine: Engine, database_url: str, wandb_standin: StandInWandb, tmp_path: Path) -> Lab:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    lab = Lab(engine, database_url, wandb_standin, scratch)
    lab.save()
    return lab


def test_the_recorded_url_is_the_one_the_service_gave(lab: Lab) -> None:
    record = lab.drain()
    base = lab.standin.base_url
    assert record.run_url == f"{base}/standin/fairmind-bias-detection/runs/{record.run_id}"


def test_the_destination_is_recorded_as_delivered(lab: Lab) -> None:
    assert lab.drain(WANDB_ENTITY="team").destination == "team/fairmind-bias-detection"


@pytest.mark.parametrize("status", [401, 403, 404, 409, 413])
def test_a_refused_file_stream_is_never_delivered(lab: Lab, status: int) -> None:
    lab.standin.faults.replace([Fault("file_stream", "status", status=status)])
    record = lab.drain()
    assert (record.status, record.last_error_kind) == ("pending", "unconfirmed")


def test_what_was_not_confirmed_is_delivered_once_the_service_takes_it(lab: Lab) -> None:
    lab.standin.faults.replace([Fault("file_stream", "status", status=403)])
    lab.drain()
    lab.standin.faults.replace([])
    lab.write(due_at=datetime.now(UTC))
    record = lab.drain()
    assert (record.status, len(lab.standin.runs)) == ("delivered", 1)


@pytest.mark.parametrize("kind", ["upsert", "file_stream", "read_back"])
def test_a_lost_reply_leaves_one_run_with_one_row(lab: Lab, kind: Any) -> None:
    lab.standin.faults.replace([Fault(kind, "drop_after", times=1)])
    lab.drain()
    lab.write(due_at=datetime.now(UTC))
    lab.drain()
    (run,) = lab.standin.runs.values()
    assert (run.inserts, len(run.history), lab.record().status) == (1, 1, "delivered")


def test_a_run_that_is_complete_but_not_recorded_is_not_sent_again(lab: Lab) -> None:
    lab.drain()
    upserts = lab.standin.store.requests["upsert"]
    lab.write(status="pending", finished_at=None, run_id=None)
    record = lab.drain()
    assert (record.status, lab.standin.store.requests["upsert"]) == ("delivered", upserts)


def test_a_delivery_that_cannot_be_read_back_waits_and_is_not_sent_again(lab: Lab) -> None:
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


def test_a_run_that_a_user_deleted_is_not_made_again(lab: Lab) -> None:
    lab.standin.store.deleted.add(key_of(lab))
    assert lab.drain().status == "dead"


def test_a_wrong_key_blocks_the_provider_and_says_what_to_check(lab: Lab) -> None:
    record = lab.drain(WANDB_API_KEY="f" * 40)
    state, reason = lab.state()
    assert (record.attempts, state, "WANDB_API_KEY" in str(reason)) == (0, "blocked", True)


def test_a_missing_key_blocks_the_provider(lab: Lab) -> None:
    lab.drain(WANDB_API_KEY="")
    assert lab.state()[0] == "blocked"


def test_a_service_that_is_away_uses_up_no_attempt(lab: Lab) -> None:
    lab.standin.stop()
    record = lab.drain()
    assert (record.attempts, lab.state()[0]) == (0, "offline")


def test_a_failure_while_the_service_goes_away_is_not_blamed_on_the_delivery(lab: Lab) -> None:
    for _ in range(3):
        lab.save()
    lab.standin.faults.replace(
        [
            Fault("file_stream", "hang", times=1),
            Fault("viewer", "status", status=503, skip=1),
        ]
    )
    lab.drain(WANDB_ENTITY="standin")
    assert (attempts_used(lab), lab.state()[0]) == ({0}, "offline")


def test_a_service_that_asks_for_patience_is_left_alone_that_long(lab: Lab) -> None:
    lab.standin.faults.replace([Fault("any", "status", status=429, retry_after=1800)])
    lab.drain()
    with reading(lab.engine) as connection:
        probe_at = lookup.backlog(connection, "wandb").state.next_probe_at
    assert probe_at is not None
    assert (probe_at - datetime.now(UTC)).total_seconds() > 1700


def test_the_key_is_not_written_to_any_file(lab: Lab, tmp_path: Path) -> None:
    lab.drain()
    holding = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and API_KEY.encode() in path.read_bytes()
    ]
    assert holding == []


def test_a_drain_leaves_no_scratch_file(lab: Lab) -> None:
    lab.drain()
    assert list(Path(lab.env["TMPDIR"]).iterdir()) == []


def test_a_result_without_metrics_is_delivered(lab: Lab) -> None:
    lab.save(results={"verdict": "fair"})
    assert lab.drain().status == "delivered"


def test_difficult_texts_arrive_as_they_were_saved(lab: Lab) -> None:
    difficult = {"quotes": "'\"`;--", "emoji": "⚖️", "lines": "a\nb", "empty": ""}
    lab.save(metadata=difficult)
    run = lab.standin.runs[str(lab.drain().run_id)]
    assert {key: run.config[key] for key in difficult} == difficult


def attempts_used(lab: Lab) -> set[int]:
    with reading(lab.engine) as connection:
        return {record.attempts for record in lookup.deliveries(connection, RunFilter())}


def key_of(lab: Lab) -> str:
    with reading(lab.engine) as connection:
        return str(connection.execute(outbox.select()).one().delivery_key)
