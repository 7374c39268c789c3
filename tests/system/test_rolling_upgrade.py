"""Hosts are upgraded one by one: the version before and the next one work on one PostgreSQL database."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, update

import fairmind_sync
from fairmind_sync.storage import schema
from fairmind_sync.storage.tables import (
    attempts_table,
    outbox_table,
    results_table,
    schema_support_table,
)
from tests.support.databases import rows
from tests.support.mlflow_runs import runs_of
from tests.support.processes import command, eventually, running_daemon

NEXT = "9000"
MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{NEXT}", "{schema.HEAD}"


def upgrade():
    op.add_column("outbox", sa.Column("note", sa.Text()))
    support = sa.table("schema_support", sa.column("oldest"))
    op.execute(sa.update(support).values(oldest="{schema.HEAD}"))
"""
RESULT = (
    '{{"test_id": "{}", "model_id": "m", "test_type": "ml_bias", "results": {{"accuracy": 0.5}}}}'
)

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def env(database_url: str, mlflow_uri: str, engine: Engine) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": uuid4().hex,
        "FAIRMIND_SYNC_DATABASE_URL": database_url,
        "FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "0",
    }


@pytest.fixture
def next_env(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Of a version that is one migration further on; this code otherwise."""
    package = tmp_path / "next" / "fairmind_sync"
    shutil.copytree(Path(fairmind_sync.__file__).parent, package)
    shutil.copytree(schema.migrations_directory(), package / "migrations", dirs_exist_ok=True)
    (package / "migrations" / "versions" / f"{NEXT}_next.py").write_text(MIGRATION)
    code = (package / "storage" / "schema.py").read_text()
    code = code.replace(f'HEAD = "{schema.HEAD}"', f'HEAD = "{NEXT}"')
    (package / "storage" / "schema.py").write_text(
        code.replace("_KNOWN = (", f'_KNOWN = ("{NEXT}", ')
    )
    return env | {"PYTHONPATH": str(package.parent)}


def save(names: list[str], env: Mapping[str, str]) -> None:
    lines = "\n".join(RESULT.format(name) for name in names)
    command("save", "-", env=env, stdin=lines)


def are_delivered(engine: Engine, count: int) -> bool:
    return len([row for row in rows(engine, outbox_table) if row.status == "delivered"]) == count


def test_the_next_version_refuses_the_schema_and_names_the_command(
    env: dict[str, str], next_env: dict[str, str]
) -> None:
    refused = command("status", env=next_env, check=False)
    assert (refused.returncode, "fairmind-sync db upgrade" in refused.stderr) == (1, True)


def test_its_daemon_upgrades_nothing_by_itself(next_env: dict[str, str], engine: Engine) -> None:
    command("run", env=next_env | {"FAIRMIND_SYNC_API_PORT": "0"}, check=False)
    assert schema.revision(engine) == schema.HEAD


@pytest.mark.nightly
def test_an_upgrade_keeps_every_row(
    env: dict[str, str], next_env: dict[str, str], engine: Engine
) -> None:
    save([f"test-{number}" for number in range(20)], env)
    command("drain", env=env)
    tables = (results_table, outbox_table, attempts_table)
    before = [rows(engine, table) for table in tables]
    command("db", "upgrade", env=next_env)
    assert [rows(engine, table) for table in tables] == before


@pytest.mark.nightly
def test_both_versions_deliver_side_by_side(
    env: dict[str, str], next_env: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    """The daemon of before starts its worker processes anew: these see the next schema first.

    There is more to do than that daemon may have under way, and the next one keeps its worker.
    """
    with ExitStack() as stack:
        takes_few = env | {"FAIRMIND_SYNC_MAX_IN_FLIGHT": "4"}
        old = stack.enter_context(running_daemon(takes_few, tmp_path))
        save(["before"], env)
        eventually(lambda: are_delivered(engine, 1))
        command("db", "upgrade", env=next_env)
        save(["old-saves"], env)
        eventually(lambda: are_delivered(engine, 2))
        keeps_its_worker = next_env | {"FAIRMIND_SYNC_WORKER_IDLE_SECONDS": "600"}
        new = stack.enter_context(running_daemon(keeps_its_worker, tmp_path))
        before = len(old.seen("delivery.delivered"))
        rounds = count(1)

        def both_deliver() -> bool:
            """Of another twenty, which the versions save in turns."""
            number = next(rounds)
            names = [f"{number}-{one}" for one in range(20)]
            save(names, env if number % 2 else next_env)
            eventually(lambda: are_delivered(engine, 2 + 20 * number))
            in_turn = [len(daemon.seen("delivery.delivered")) for daemon in (old, new)]
            return in_turn[0] > before and in_turn[1] > 0

        eventually(both_deliver)
    runs = runs_of(env["MLFLOW_TRACKING_URI"], env["MLFLOW_EXPERIMENT_NAME"], "ACTIVE_ONLY")
    held = sorted(run.id for run in runs)
    assert held == sorted(row.run_id for row in rows(engine, outbox_table))


def test_a_schema_that_needs_the_next_version_is_refused_by_this_one(
    env: dict[str, str], next_env: dict[str, str], engine: Engine
) -> None:
    command("db", "upgrade", env=next_env)
    with engine.begin() as connection:
        connection.execute(update(schema_support_table).values(oldest=NEXT))
    refused = command("status", env=env, check=False)
    assert (refused.returncode, "newer fairmind-sync" in refused.stderr) == (1, True)
