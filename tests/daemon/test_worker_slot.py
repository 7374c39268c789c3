"""How many processes a provider gets, and when."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from fairmind_sync.daemon.worker_slot import slots_of
from fairmind_sync.outbox import workload
from fairmind_sync.relay.worker_count import LARGE_BACKLOG
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import attempts_table, outbox_table
from fairmind_sync.testing import new_result
from tests.conftest import API_KEY
from tests.standins.wandb import StandInWandb
from tests.support.databases import rows
from tests.support.deliveries import save, save_with
from tests.support.diagonals import some_of
from tests.support.processes import command, eventually, running_daemon

FEW, MANY = 20, LARGE_BACKLOG + 50


@pytest.fixture
def env(database_url: str, wandb_standin: StandInWandb, tmp_path: Path) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "wandb",
        "WANDB_API_KEY": API_KEY,
        "WANDB_BASE_URL": wandb_standin.base_url,
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
        "TMPDIR": str(tmp_path),
    }


def save_many(database_url: str, count: int) -> None:
    to = Settings(provider="wandb", database_url=database_url)
    save_with(to, [new_result() for _ in range(count)])


def workers(engine: Engine) -> int:
    """How many processes tried deliveries."""
    with reading(engine) as connection:
        return len(connection.execute(select(attempts_table.c.worker).distinct()).all())


def delivered(engine: Engine) -> int:
    with reading(engine) as connection:
        return workload.backlog(connection, "wandb").counts["delivered"]


def test_each_slot_has_a_name_of_its_own() -> None:
    names = [slot.name for slot in slots_of(Settings(provider="both"))]
    assert names == ["wandb", "wandb-2", "mlflow"]


def test_workers_of_daemons_whose_hosts_and_processes_share_their_names_are_told_apart() -> None:
    slots = [slot for _daemon in range(2) for slot in slots_of(Settings(provider="both"))]
    assert len({worker_name(1, slot.parent) for slot in slots}) == len(slots)


def test_what_waits_is_counted_for_each_provider(engine: Engine) -> None:
    save(engine, "wandb", "mlflow")
    save(engine, "wandb")
    with reading(engine) as connection:
        assert [workload.pending(connection, name) for name in ("wandb", "mlflow")] == [2, 1]


@pytest.mark.parametrize(("count", "processes"), some_of([(FEW, 1), (MANY, 2)], 1))
def test_a_daemon_drains_a_large_backlog_to_wandb_in_two_processes(
    engine: Engine, env: dict[str, str], tmp_path: Path, count: int, processes: int
) -> None:
    save_many(env["FAIRMIND_SYNC_DATABASE_URL"], count)
    with running_daemon(env, tmp_path):
        eventually(lambda: delivered(engine) == count)
    assert workers(engine) == processes


@pytest.mark.nightly
def test_two_processes_deliver_each_result_once(
    engine: Engine, env: dict[str, str], wandb_standin: StandInWandb
) -> None:
    save_many(env["FAIRMIND_SYNC_DATABASE_URL"], MANY)
    command("drain", env=env)
    recorded = sorted(row.run_id for row in rows(engine, outbox_table))
    held = sorted(name for name, run in wandb_standin.runs.items() if run.inserts == 1)
    assert (workers(engine), held) == (2, recorded)


def test_a_drain_gives_wandb_no_more_runs_a_second_than_allowed(
    engine: Engine, env: dict[str, str]
) -> None:
    save_many(env["FAIRMIND_SYNC_DATABASE_URL"], 12)
    command("drain", env=env | {"FAIRMIND_SYNC_WANDB_RUNS_PER_SECOND": "2"})
    begun = sorted(row.started_at for row in rows(engine, attempts_table))
    assert (len(begun), begun[10] - begun[0] > timedelta(seconds=5)) == (12, True)


def test_no_more_are_under_way_at_once_than_allowed(engine: Engine, env: dict[str, str]) -> None:
    save_many(env["FAIRMIND_SYNC_DATABASE_URL"], 10)
    command("drain", env=env | {"FAIRMIND_SYNC_MAX_IN_FLIGHT": "3"}, check=False)
    tries = rows(engine, attempts_table)
    at_once = [
        sum(one.started_at <= each.started_at < one.finished_at for one in tries) for each in tries
    ]
    assert (max(at_once), delivered(engine) >= 3) == (3, True)
