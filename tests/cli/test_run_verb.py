"""`fairmind-sync run`: where it listens, and what it says where nothing can be delivered."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.demo.tracking_server import held_port
from tests.support.forked import Forked, verb
from tests.support.processes import command, eventually, running_daemon


@pytest.fixture
def env(database_url: str) -> dict[str, str]:
    return {"MLOPS_PROVIDER": "none", "FAIRMIND_SYNC_DATABASE_URL": database_url}


def test_without_a_provider_it_says_what_to_set_and_runs_on(
    env: dict[str, str], tmp_path: Path
) -> None:
    with running_daemon(env, tmp_path) as daemon:
        told = daemon.event("daemon.idle")
        daemon.event("daemon.ready")
    assert (told["level"], told["reason"]) == (
        "warning",
        "Set MLOPS_PROVIDER to wandb, mlflow or both.",
    )


def test_host_and_port_that_are_given_count_more_than_the_variables(
    env: dict[str, str], tmp_path: Path
) -> None:
    wrong = {"FAIRMIND_SYNC_API_HOST": "nowhere.invalid", "FAIRMIND_SYNC_API_PORT": "many"}
    log = tmp_path / "log"
    with held_port() as port, log.open("w+b") as errors:
        streams = [errors.fileno()] * 3
        words = ("run", "--host", "127.0.0.1", "--port", str(port))
        daemon = Forked(verb, *words, env=env | wrong, cwd=tmp_path, streams=streams)
        try:
            eventually(lambda: "daemon.ready" in log.read_text())
            assert f"http://127.0.0.1:{port}" in log.read_text()
        finally:
            daemon.terminate()
            daemon.wait(timeout=240)


def test_another_hosts_address_still_needs_a_token(env: dict[str, str]) -> None:
    refused = command("run", "--host", "0.0.0.0", "--port", "0", env=env, check=False)  # noqa: S104 refused
    assert (refused.returncode, "FAIRMIND_SYNC_API_TOKEN" in refused.stderr) == (1, True)
