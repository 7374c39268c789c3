"""`fairmind-sync report`: the page on standard output or in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.support.deliveries import save
from tests.support.processes import command


@pytest.fixture
def env(database_url: str) -> dict[str, str]:
    return {"FAIRMIND_SYNC_DATABASE_URL": database_url}


def test_a_report_goes_to_standard_output_or_into_a_file(
    engine: Engine, env: dict[str, str], tmp_path: Path
) -> None:
    save(engine, "mlflow", test_id="t", results={"tpr": {"ä": 0.5, "b": 0.7}})
    printed = command("report", "t", env=env).stdout
    told = command("report", "t", "-o", str(tmp_path / "r.html"), env=env).stdout
    assert printed.startswith("<!doctype html>")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == printed
    assert told == f"wrote {tmp_path / 'r.html'}\n"


def test_a_report_of_a_user_is_of_that_user(engine: Engine, env: dict[str, str]) -> None:
    for user in ("ann", "bob"):
        save(engine, "mlflow", test_id="t", user_id=user)
    assert "<td>ann</td>" in command("report", "t", "--user", "ann", env=env).stdout


def test_a_test_that_is_not_saved_has_no_report(engine: Engine, env: dict[str, str]) -> None:
    ended = command("report", "unknown", env=env, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("fairmind-sync: no result of a test 'unknown'")


def test_a_place_that_can_not_be_written_is_an_error_of_one_line(
    engine: Engine, env: dict[str, str], tmp_path: Path
) -> None:
    save(engine, "mlflow", test_id="t")
    ended = command("report", "t", "-o", str(tmp_path / "no" / "r.html"), env=env, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
