"""A user's mistake is told in words, with the exit code of its kind, and without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import command

WRONG, USAGE = 1, 2
NOT_UTF_8 = "\udcff"
LARGE = str(10**20)

MISTAKES: list[tuple[int, list[str]]] = [
    (USAGE, ["nonsense"]),
    (USAGE, ["import"]),
    (WRONG, ["import", "nowhere"]),
    (WRONG, ["import", "a" * 300]),
    (WRONG, ["save", "nowhere"]),
    (WRONG, ["save", "."]),
    (WRONG, ["save", "binary"]),
    (USAGE, ["save"]),
    (USAGE, ["backfill"]),
    (USAGE, ["backfill", "--provider", "neptune"]),
    (USAGE, ["backfill", "--provider", "mlflow", "--since", "yesterday"]),
    (USAGE, ["backfill", "--provider", "mlflow", "--since", "2026-02-30"]),
    (WRONG, ["backfill", "--provider", "wandb"]),
    (USAGE, ["runs", "--limit", "0"]),
    (USAGE, ["runs", "--limit", LARGE]),
    (USAGE, ["runs", "--status", "deliverd"]),
    (USAGE, ["runs", "--risk", "huge"]),
    (USAGE, ["runs", "--provider", "neptune"]),
    (USAGE, ["runs", "--since", "9999999d"]),
    (USAGE, ["runs", "--since", "999999d"]),
    (USAGE, ["runs", "--watch"]),
    (USAGE, ["status", "--watch"]),
    (WRONG, ["results", "show", "t"]),
    (USAGE, ["results", "export", "--format", "excel"]),
    (WRONG, ["results", "export", "-o", "nowhere/results.csv"]),
    (WRONG, ["results", "export", "-o", "."]),
    (USAGE, ["run", "--port", "70000"]),
    (USAGE, ["url"]),
    (USAGE, ["url", "mlflow"]),
    (USAGE, ["url", "neptune", "run-1"]),
    (WRONG, ["url", "mlflow", "run-1"]),
    (WRONG, ["url", "--test-id", "t"]),
    (USAGE, ["explain"]),
    (WRONG, ["explain", "t"]),
    (WRONG, ["explain", NOT_UTF_8]),
    (USAGE, ["retry"]),
    (USAGE, ["retry", "one"]),
    (USAGE, ["retry", "1", "--provider", "mlflow"]),
    (WRONG, ["retry", "1", "--dry-run"]),
    (USAGE, ["discard", "--reason", "why", "--status", "delivered"]),
    (USAGE, ["retry", "--provider", "neptune"]),
    (WRONG, ["retry", "77"]),
    (WRONG, ["retry", "0"]),
    (USAGE, ["discard", "1"]),
    (USAGE, ["discard", "--reason", "why"]),
    (USAGE, ["discard", "--reason", "why", "--provider", "neptune"]),
    (WRONG, ["discard", "--reason", "why", "77"]),
    (USAGE, ["pause"]),
    (USAGE, ["pause", "neptune"]),
    (USAGE, ["resume", "both"]),
    (USAGE, ["db", "backup"]),
    (WRONG, ["db", "backup", "binary"]),
    (WRONG, ["db", "backup", "nowhere/copy"]),
    (WRONG, ["db", "backup", "."]),
]

AS_USERS_DO = [arguments for _, arguments in MISTAKES[::14]]
"""Four processes that Python starts; the others are forked."""


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    return {"MLOPS_PROVIDER": "mlflow", "FAIRMIND_SYNC_DATABASE_URL": database_url}


@pytest.mark.parametrize(("code", "arguments"), MISTAKES, ids=lambda value: repr(value)[:60])
def test_a_mistake_is_told_in_words(env: dict[str, str], code: int, arguments: list[str]) -> None:
    told = command(*arguments, env=env, check=False, started=arguments in AS_USERS_DO)
    assert (told.returncode, told.stdout, "Traceback" in told.stderr, told.stderr != "") == (
        code,
        "",
        False,
        True,
    )


@pytest.mark.parametrize("verb", [["retry"], ["discard", "--reason", "why"]])
def test_an_id_that_no_delivery_can_have_is_told_in_words(
    env: dict[str, str], verb: list[str]
) -> None:
    told = command(*verb, LARGE, env=env, check=False)
    assert (told.returncode in (WRONG, USAGE), "Traceback" in told.stderr) == (True, False)


@pytest.mark.parametrize(
    "verb",
    [["status"], ["runs"], ["pause", "mlflow"], ["explain", "t"], ["db", "check"], ["run"]],
    ids=" ".join,
)
def test_a_database_that_can_not_be_used_is_one_line(env: dict[str, str], verb: list[str]) -> None:
    away = {"FAIRMIND_SYNC_DATABASE_URL": "sqlite:////proc/nowhere/a.db"}
    told = command(*verb, env=env | away | {"FAIRMIND_SYNC_API_PORT": "0"}, check=False)
    mistakes = [line for line in told.stderr.splitlines() if "settings.read" not in line]
    assert (told.returncode, len(mistakes)) == (WRONG, 1)
