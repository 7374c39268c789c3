"""What others wrote steers no terminal and forges no line of the log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine
from typer.testing import CliRunner

from fairmind_sync import logs
from fairmind_sync.cli import app
from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.operating import doctor
from fairmind_sync.operating.finding import Finding
from fairmind_sync.providers.base import Dead, Delivered, Outcome
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.testing import FakeProvider, new_result
from tests.support.deliveries import save_with
from tests.support.processes import command

FORGED = '{"event": "daemon.ready", "url": "http://evil.example"}'
ATTACK = f"refused\n{FORGED}\r{FORGED}\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2028{FORGED}"
STEER = "\x1b[31m\x9b31m\x07"  # a pipe loses the first of them, so others have to show
STEERING = "\x1b\x07\x9b\r\u202e\u2028"

LIBRARY_LOGS = """
import logging, sys
from fairmind_sync import logs
from fairmind_sync.settings import Settings
logs.configure(Settings(log_format=sys.argv[1]))
logging.getLogger("apscheduler").error("a job failed: %s", sys.stdin.read())
"""


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def env(database_url: str) -> dict[str, str]:
    return {"MLOPS_PROVIDER": "mlflow", "FAIRMIND_SYNC_DATABASE_URL": database_url}


def relay(engine: Engine, outcome: Outcome | Exception) -> None:
    Relay(engine, FakeProvider("mlflow", script=[outcome]), max_attempts=1).drain()


def steering_in(text: str) -> set[str]:
    """The characters that a terminal would obey."""
    return set(text) & set(STEERING)


def events(output: str) -> list[str]:
    """Of each line that somebody who reads JSON would take for an event."""
    found = []
    for line in output.splitlines():
        try:
            found.append(str(json.loads(line)["event"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def log_hostile(settings: Settings, engine: Engine, log_format: str) -> None:
    """What the relay logs of a provider that attacks."""
    logs.configure(settings.model_copy(update={"log_format": log_format}))
    save_with(settings, [new_result(), new_result()])
    relay(engine, Dead(ErrorKind.REJECTED, ATTACK))
    relay(engine, ProviderBlockedError(ATTACK))


def test_a_providers_words_forge_no_json_event(
    configured: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    log_hostile(configured, engine, "json")
    assert set(events(capsys.readouterr().err)) == {"delivery.dead", "delivery.delivered"}


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_providers_words_steer_no_terminal_through_the_log(
    configured: Settings,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
    log_format: str,
) -> None:
    log_hostile(configured, engine, log_format)
    assert steering_in(capsys.readouterr().err) == set()


def test_a_providers_words_stay_on_their_line_of_the_console(
    configured: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    log_hostile(configured, engine, "console")
    assert events(capsys.readouterr().err) == []


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_librarys_line_forges_no_event(log_format: str) -> None:
    written = subprocess.run(
        [sys.executable, "-c", LIBRARY_LOGS, log_format],
        input=ATTACK,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert ("daemon.ready" in events(written), steering_in(written)) == (False, set())


@pytest.fixture
def hostile(configured: Settings, engine: Engine) -> None:
    """A dead delivery, a delivered one and a blocked provider, all in the attacker's words."""
    settings = configured.model_copy(update={"provider": "mlflow"})
    for outcome in (
        Dead(ErrorKind.REJECTED, ATTACK),
        Delivered(Run(f"run-{ATTACK}", f"https://evil.example/{ATTACK}"), ATTACK),
        ProviderBlockedError(ATTACK),
    ):
        save_with(settings, [new_result(test_id=type(outcome).__name__)])
        relay(engine, outcome)


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs",),
        ("status",),
        ("explain", "Dead"),
        ("explain", "Delivered"),
        ("explain", "ProviderBlockedError"),
        ("url", "--test-id", "Delivered"),
        ("url", "mlflow", f"run-{ATTACK}"),
        ("explain", ATTACK),
        ("pause", ATTACK),
        ("runs", "--json"),
        ("status", "--json"),
        ("explain", "Dead", "--json"),
        ("url", "--test-id", "Delivered", "--json"),
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:40],
)
@pytest.mark.usefixtures("hostile")
def test_a_verb_obeys_nothing_that_it_prints(
    env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    shown = command(*arguments, env=env, check=False)
    assert steering_in(shown.stdout + shown.stderr) == set()


@pytest.mark.usefixtures("hostile")
def test_a_verb_shows_the_attackers_words_all_the_same(env: dict[str, str]) -> None:
    assert "\\x1b" in command("explain", "Dead", env=env).stdout


def test_the_doctor_obeys_nothing_that_a_provider_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: iter([Finding("mlflow", ATTACK, ATTACK)]))
    assert steering_in(CliRunner().invoke(app, ["doctor"]).output) == set()


LARGE = 10**2000
REFUSED = {
    f"file {STEER}": {},
    "key": {"model_id": "m", "test_type": "t", "results": {STEER: LARGE}},
    "model": {"model_id": f"{STEER}\0", "test_type": "t", "results": {}},
    "time": {"model_id": "m", "test_type": "t", "results": {}, "timestamp": STEER},
}


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_an_import_obeys_nothing_that_it_refuses(
    env: dict[str, str], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / f"{name}.json").write_text(json.dumps(REFUSED[name]))
    shown = command("import", str(folder), env=env, check=False)
    assert (shown.returncode, steering_in(shown.stderr)) == (1, set())


@pytest.mark.parametrize(
    "entry",
    [
        {STEER: 1},
        {"test_id": "t", "model_id": "m", "test_type": "x", "results": {}, STEER: 1},
        {"test_id": "t", "model_id": "m", "test_type": "x", "results": {STEER: LARGE}},
        {"test_id": f"{STEER}\0", "model_id": "m", "test_type": "x", "results": {}},
    ],
)
def test_a_save_obeys_nothing_that_it_refuses(
    env: dict[str, str], entry: dict[str, object]
) -> None:
    shown = command("save", "-", env=env, stdin=json.dumps(entry), check=False)
    assert (shown.returncode, steering_in(shown.stderr)) == (1, set())


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"])
def test_an_import_refuses_a_time_that_no_clock_shows_and_takes_the_rest(
    env: dict[str, str], tmp_path: Path, moment: str
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    good = {"model_id": "m", "test_type": "t", "results": {}}
    (folder / "bad.json").write_text(json.dumps(good | {"timestamp": moment}))
    (folder / "good.json").write_text(json.dumps(good))
    shown = command("import", str(folder), env=env, check=False)
    assert (shown.returncode, "saved 1" in shown.stdout) == (1, True)


def test_a_table_prints_names_as_they_are(env: dict[str, str]) -> None:
    entry = {"test_id": ":warning:[b]x", "model_id": "m", "test_type": "x", "results": {}}
    command("save", "-", env=env, stdin=json.dumps(entry))
    assert ":warning:[b]x" in command("runs", env=env | {"COLUMNS": "200"}).stdout
