"""The verbs, run as a user runs them; no provider is reached here."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import provider_state
from fairmind_sync.relay.loop import Relay
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.testing import FakeProvider
from tests.support.processes import command

RESULT = {"test_id": "t1", "model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}


@pytest.fixture
def env(database_url: str) -> dict[str, str]:
    return {"MLOPS_PROVIDER": "mlflow", "FAIRMIND_SYNC_DATABASE_URL": database_url}


def lines(*results: object) -> str:
    return "\n".join(json.dumps(result) for result in results)


def test_save_takes_json_lines_from_standard_input(env: dict[str, str]) -> None:
    shown = command("save", "-", env=env, stdin=lines(RESULT, RESULT | {"test_id": "t2"})).stdout
    assert shown == "saved 2 results; 0 were there already\n"


def test_save_takes_a_file(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_text(json.dumps([RESULT], indent=2))
    assert command("save", str(file), env=env).stdout.startswith("saved 1 result")


def test_saving_again_changes_nothing(env: dict[str, str]) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    shown = command("save", "-", env=env, stdin=lines(RESULT)).stdout
    assert shown == "saved 0 results; 1 was there already\n"


@pytest.mark.parametrize("content", ["", " \n\n", "[]"])
@pytest.mark.parametrize("name", ["empty.jsonl", "-"])
def test_a_save_of_nothing_fails_and_says_so(
    env: dict[str, str], tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "empty.jsonl").write_text(content)
    ended = command("save", name, env=env, check=False, stdin=content)
    place = "standard input" if name == "-" else name
    said = f"fairmind-sync: no results in {place}: nothing was saved.\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)


def test_save_saves_nothing_of_a_file_with_a_wrong_entry(env: dict[str, str]) -> None:
    command("save", "-", env=env, stdin=lines(RESULT, {"test_id": "t2"}), check=False)
    assert json.loads(command("runs", "--json", env=env).stdout) == []


def test_a_wrong_entry_is_named_in_one_line(env: dict[str, str]) -> None:
    wrong = command("save", "-", env=env, stdin=lines(RESULT, {"test_id": "t2"}), check=False)
    assert (wrong.returncode, wrong.stderr) == (
        1,
        "fairmind-sync: result 2: it has no model_id, test_type, results. Nothing was saved.\n",
    )


def test_runs_lists_deliveries_as_json(env: dict[str, str]) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    (listed,) = json.loads(command("runs", "--json", env=env).stdout)
    assert (listed["test_id"], listed["provider"], listed["status"]) == ("t1", "mlflow", "pending")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--test-id", "other"),
        ("--model-id", "other"),
        ("--provider", "wandb"),
        ("--status", "delivered"),
    ],
)
def test_runs_leaves_out_what_a_filter_excludes(
    env: dict[str, str], option: str, value: str
) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    assert json.loads(command("runs", option, value, "--json", env=env).stdout) == []


def test_url_prints_the_url_of_a_run(env: dict[str, str], engine: Engine) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    provider = FakeProvider("mlflow")
    Relay(engine, provider, max_attempts=1).drain()
    (key,) = provider.runs
    shown = command("url", "mlflow", f"run-{key}", env=env).stdout
    assert shown == f"https://fake.example/run-{key}\n"


def test_url_prints_every_run_of_a_test(env: dict[str, str], engine: Engine) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    Relay(engine, FakeProvider("mlflow"), max_attempts=1).drain()
    assert command("url", "--test-id", "t1", env=env).stdout.startswith("https://fake.example/")


def test_url_of_an_unknown_run_fails(env: dict[str, str]) -> None:
    assert command("url", "mlflow", "nope", env=env, check=False).returncode == 1


def test_url_without_a_run_is_a_usage_error(env: dict[str, str]) -> None:
    assert command("url", "mlflow", env=env, check=False).returncode == 2


def test_status_counts_by_provider(env: dict[str, str]) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    seen = json.loads(command("status", "--json", env=env, check=False).stdout)
    assert (seen["providers"]["mlflow"]["pending"], seen["daemon_alive"]) == (1, False)


def test_status_is_readable_without_json(env: dict[str, str]) -> None:
    assert "mlflow" in command("status", env=env).stdout


def test_a_wrong_setting_is_one_line_that_names_it(env: dict[str, str]) -> None:
    wrong = command("status", env=env | {"MLOPS_PROVIDER": "wanbd"}, check=False)
    assert (wrong.returncode, wrong.stderr.count("\n"), "MLOPS_PROVIDER" in wrong.stderr) == (
        1,
        1,
        True,
    )


def test_drain_without_a_provider_says_what_to_set(env: dict[str, str]) -> None:
    wrong = command("drain", env=env | {"MLOPS_PROVIDER": "none"}, check=False)
    assert (wrong.returncode, "MLOPS_PROVIDER" in wrong.stderr) == (1, True)


def test_drain_fails_while_something_is_undelivered(env: dict[str, str]) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    away = env | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    assert command("drain", env=away, check=False).returncode == 1


def test_resume_lets_a_blocked_provider_be_tried_at_once(
    env: dict[str, str], engine: Engine
) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no", chance=Random(1), now=utc_now())
    shown = command("resume", "mlflow", env=env).stdout
    with reading(engine) as connection:
        state = provider_state.read(connection, "mlflow")
    assert (shown.startswith("mlflow is tried again"), state.may_try(utc_now())) == (True, True)


def test_resume_says_when_there_is_nothing_to_do(env: dict[str, str]) -> None:
    assert "nothing to resume" in command("resume", "wandb", env=env).stdout


def test_resume_of_an_unknown_provider_is_a_usage_error(env: dict[str, str]) -> None:
    assert command("resume", "neptune", env=env, check=False).returncode == 2


def test_db_backup_makes_a_copy_that_is_checked(env: dict[str, str], tmp_path: Path) -> None:
    command("save", "-", env=env, stdin=lines(RESULT))
    shown = command("db", "backup", str(tmp_path / "copy.db"), env=env).stdout
    copied = env | {"FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'copy.db'}"}
    assert ("complete and sound" in shown, json.loads(runs_of(copied))[0]["test_id"]) == (
        True,
        "t1",
    )


def test_db_check_of_a_sound_database_succeeds(env: dict[str, str], engine: Engine) -> None:
    assert command("db", "check", env=env).stdout.endswith("is sound\n")


def test_db_check_of_something_else_fails(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"notes" * 1000)
    other = env | {"FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'notes'}"}
    checked = command("db", "check", env=other, check=False)
    assert (checked.returncode, "is damaged" in checked.stderr) == (1, True)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("verb", [["backup", "copy.db"], ["check"], ["compact"]])
def test_what_is_for_a_file_names_a_servers_own_tool(env: dict[str, str], verb: list[str]) -> None:
    refused = command("db", *verb, env=env, check=False)
    assert (refused.returncode, refused.stderr.count("\n"), "pg_dump copies" in refused.stderr) == (
        1,
        1,
        True,
    )


def runs_of(env: dict[str, str]) -> str:
    return command("runs", "--json", env=env).stdout


@pytest.mark.both_databases
def test_db_upgrade_says_which_schema_is_there(env: dict[str, str]) -> None:
    assert command("db", "upgrade", env=env).stdout.startswith("schema ")


def test_version_is_printed(env: dict[str, str]) -> None:
    assert command("--version", env=env).stdout.count(".") == 2
