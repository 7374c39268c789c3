"""Standard streams that are closed, full or broken: one line says so, and the daemon goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import heartbeat
from fairmind_sync.storage.engine import current_time, reading
from fairmind_sync.storage.tables import results_table
from tests.support.databases import rows
from tests.support.diagonals import some_of
from tests.support.processes import PATIENCE_S, eventually

RESULT = '{"test_id":"t","model_id":"m","test_type":"x","results":{"a":1}}'
VERBS = (
    *("save -", "--version", "runs --json"),
    *("--help", "status", "status --json", "runs", "save - --json"),
)
STREAMS_OF_A_DAEMON = ("<&- >&- 2>&-", "2> >(true)", "2> /dev/full", "2>&-")


def shell(
    arguments: Sequence[str], redirections: str, database_url: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fairmind_sync", *arguments]
    return subprocess.run(
        ["/bin/bash", "-c", f'"$@" {redirections}', "bash", *command],
        env={**os.environ, "FAIRMIND_SYNC_DATABASE_URL": database_url},
        input=RESULT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("verb", some_of(VERBS, 2))
def test_a_full_standard_output_is_an_error_of_one_line(database_url: str, verb: str) -> None:
    ended = shell(verb.split(), "> /dev/full", database_url)
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, line.startswith("fairmind-sync: can't print: No space")) == (1, True)


@pytest.mark.parametrize("verb", some_of([one for one in VERBS if one[0] != "-"], 1))
def test_a_closed_standard_output_is_an_error_of_one_line(database_url: str, verb: str) -> None:
    ended = shell(verb.split(), ">&-", database_url)
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, line.startswith("fairmind-sync: can't print: Bad")) == (1, True)


def test_a_reader_that_is_gone_is_told_nothing(database_url: str) -> None:
    assert shell(["status"], "| true", database_url).stderr == ""


def test_a_closed_standard_input_is_an_error_of_one_line(database_url: str) -> None:
    ended = shell(["save", "-"], "<&-", database_url)
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, "standard input is closed" in line) == (1, True)


@pytest.mark.parametrize("redirections", some_of(["2> /dev/full", "2>&-", "<&- >&- 2>&-"], 1))
def test_a_save_is_done_whatever_the_streams_are(
    database_url: str, engine: Engine, redirections: str
) -> None:
    shell(["save", "/dev/stdin"], redirections.replace("<&- ", ""), database_url)
    assert len(rows(engine, results_table)) == 1


@pytest.mark.parametrize("redirections", some_of(STREAMS_OF_A_DAEMON, 1))
def test_a_daemon_whose_log_can_not_be_written_runs(
    database_url: str, engine: Engine, redirections: str
) -> None:
    def is_alive() -> bool:
        with reading(engine) as connection:
            return heartbeat.any_alive(connection, current_time(engine))

    command = [sys.executable, "-m", "fairmind_sync", "run"]
    ours = {"FAIRMIND_SYNC_DATABASE_URL": database_url, "FAIRMIND_SYNC_API_PORT": "0"}
    with subprocess.Popen(
        ["/bin/bash", "-c", f'exec "$@" {redirections}', "bash", *command],
        env={**os.environ, **ours},
    ) as daemon:
        try:
            eventually(is_alive)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
        finally:
            daemon.kill()
    assert not is_alive()
