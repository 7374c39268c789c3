"""What the doctor finds of a PostgreSQL server that keeps what it is given, and of one that doesn't."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from fairmind_sync.clock import utc_now
from fairmind_sync.operating import database_checks, doctor
from fairmind_sync.storage.engine import let_go, shared_engine, writing
from tests.conftest import API_KEY
from tests.operating.test_doctor import enable, finding
from tests.standins.wandb import StandInWandb
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.processes import command


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """As its operator would run it."""
    with postgres_server(fsync="on") as server:
        yield server


@pytest.fixture
def url(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = server.url(server.new_database_of_today())
    enable(monkeypatch, url)
    yield url
    let_go(url)


def test_a_sound_server_has_no_finding(url: str) -> None:
    assert [found for found in doctor.examine() if not found.is_ok] == []


def test_what_only_a_file_has_is_not_looked_for(url: str) -> None:
    assert [found.check for found in doctor.examine()] == [
        "variables",
        "settings",
        "temporary files",
        "server",
        "durability",
        "server clock",
        "clock",
        "mlflow deliveries",
        "webhook",
        "mlflow",
    ]


def test_the_server_is_named_with_its_version(url: str) -> None:
    assert finding("server").detail.startswith("PostgreSQL 1")


def test_a_server_that_is_too_old_is_a_finding(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_checks, "_OLDEST_SERVER", 9_999_00_00)
    assert finding("server").remedy == "Upgrade it to PostgreSQL 9999 or newer."


def test_a_database_that_answers_before_it_has_stored_is_a_finding(url: str) -> None:
    engine = shared_engine(url)
    with writing(engine) as connection:
        connection.execute(
            text(f"ALTER DATABASE {engine.url.database} SET synchronous_commit = off")
        )
    engine.dispose()  # the setting is a new session's
    assert str(finding("durability").remedy).startswith("Turn on synchronous_commit:")


def test_a_host_whose_clock_is_another_than_the_servers_is_a_finding(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_checks, "utc_now", lambda: utc_now() - timedelta(hours=1))
    found = finding("server clock")
    assert re.fullmatch(r"this host's clock is 3[56]\d\d\.\d s behind the server's", found.detail)
    assert not found.is_ok


def test_a_server_that_is_not_there_is_a_finding(
    url: str, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", server.url("nowhere"))
    found = finding("database")
    told = ("Check that its server runs" in found.detail, "?host=/" in str(found.remedy))
    assert told == (True, True)


def test_the_command_tells_of_a_server_by_its_exit_code(
    url: str, wandb_standin: StandInWandb
) -> None:
    env = {
        "MLOPS_PROVIDER": "wandb",
        "WANDB_BASE_URL": wandb_standin.base_url,
        "WANDB_API_KEY": API_KEY,
        "FAIRMIND_SYNC_DATABASE_URL": url,
    }
    examined = command("doctor", "--json", env=env, check=False)
    assert (examined.returncode, all(one["ok"] for one in json.loads(examined.stdout))) == (0, True)
