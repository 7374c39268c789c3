"""`fairmind-sync status`: what needs somebody, what to type, and the exit code that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.operating.headline import UNUSED
from fairmind_sync.outbox import heartbeat, provider_state
from fairmind_sync.storage.engine import writing
from tests.support.clock import NOW
from tests.support.deliveries import dead, delivered, save
from tests.support.processes import command

RUN = "fairmind-sync run"
DEAD = "fairmind-sync runs --status dead --provider mlflow"


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
    }


def save_one(engine: Engine) -> object:
    return save(engine, "mlflow")


def pause(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", utc_now())


@pytest.mark.parametrize(
    ("setup", "with_daemon", "code", "commands"),
    [
        (delivered, False, 0, []),
        (save_one, False, 1, [RUN]),
        (save_one, True, 0, []),
        (dead, True, 1, [DEAD]),
        (pause, False, 0, ["fairmind-sync resume mlflow"]),
    ],
)
def test_status_says_what_to_type_and_fails_where_somebody_is_needed(
    env: dict[str, str],
    engine: Engine,
    setup: Callable[[Engine], object],
    commands: list[str],
    code: int,
    *,
    with_daemon: bool,
) -> None:
    setup(engine)
    if with_daemon:
        with writing(engine) as connection:
            heartbeat.Heartbeat().start(connection, utc_now())
    ended = command("status", "--json", env=env, check=False)
    steps = json.loads(ended.stdout)["providers"]["mlflow"]["next_steps"]
    assert (ended.returncode, [step["command"] for step in steps]) == (code, commands)


def test_work_of_a_provider_that_is_not_enabled_waits_for_no_daemon(
    env: dict[str, str], engine: Engine
) -> None:
    save(engine, "wandb")
    assert command("status", env=env, check=False).returncode == 0


def test_what_to_type_stands_on_a_line_of_its_own(env: dict[str, str], engine: Engine) -> None:
    dead(engine)
    assert f"\n  {DEAD}\n" in command("status", env=env, check=False).stdout


def test_since_when_and_what_was_last_are_told(env: dict[str, str], engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_success(connection, "mlflow", NOW)
    header, _, mlflow = command("status", env=env).stdout.splitlines()[-3:]
    told = dict(zip(header.split("\t"), mlflow.split("\t"), strict=True))
    times = ("2026-03-04 05:06:07 UTC", "", "2026-03-04 05:06:07 UTC")
    assert (told["since"], told["oldest"], told["last"]) == times


def test_a_provider_that_was_never_asked_is_not_called_ready(env: dict[str, str]) -> None:
    """In the words of the page."""
    assert f"mlflow\t{UNUSED}\t" in command("status", env=env).stdout


def test_why_a_provider_is_blocked_is_told_once(env: dict[str, str], engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(
            connection, "mlflow", "There is no key.", chance=Random(1), now=NOW
        )
    assert command("status", env=env, check=False).stdout.count("There is no key") == 1
