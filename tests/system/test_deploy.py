"""What is deployed: systemd takes the unit, and what unit, container file and their README name is there."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from datetime import timedelta
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
import typer.main
from sqlalchemy import make_url

from fairmind_sync.cli import app
from fairmind_sync.outbox import heartbeat
from fairmind_sync.settings import Settings, load_settings
from tests.support.processes import running_daemon
from tests.support.variables import variables

CHECKOUT = Path(__file__).parents[2]
DEPLOY = CHECKOUT / "daemon" / "deploy"
README = (DEPLOY / "README.md").read_text(encoding="utf-8")
UNIT = (DEPLOY / "fairmind-sync.service").read_text(encoding="utf-8")
ENVIRONMENT = (DEPLOY / "environment").read_text(encoding="utf-8")
COMMAND = "/opt/fairmind-sync/bin/fairmind-sync"
STATE = "/var/lib/fairmind-sync"
MOST_EXPOSED = 15
"""In tenths: systemd's 'OK' ends, at 5.0; a service that isn't confined has 9.6."""


def service(name: str) -> str:
    """The unit's last word on it."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # names differ by case
    unit.read_string(UNIT)
    return unit["Service"][name]


def seconds(name: str) -> float:
    return float(service(name).removesuffix("s"))


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = shutil.which("systemd-analyze")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("systemd-analyze is missing: apt-get install systemd")
        pytest.skip("systemd-analyze is missing")
    command = [path, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """As it is, but for the place of the command, which is the one of these tests."""
    installed = Path(sys.executable).with_name("fairmind-sync")
    unit = tmp_path / "fairmind-sync.service"
    unit.write_text(UNIT.replace(COMMAND, str(installed)))
    return unit


def test_systemd_takes_the_unit(unit: Path) -> None:
    verified = analyze("verify", "--man=no", "--recursive-errors=no", str(unit))
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_systemd_finds_little_that_the_service_could_do(unit: Path) -> None:
    judged = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))
    assert judged.returncode == 0, judged.stdout


def test_the_unit_waits_longer_than_the_daemon() -> None:
    assert seconds("TimeoutStopSec") > Settings().shutdown_seconds + 5


def test_the_units_watchdog_outlasts_a_busy_database() -> None:
    busy = timedelta(seconds=30)
    assert timedelta(seconds=seconds("WatchdogSec")) > busy + heartbeat.INTERVAL


def test_the_unit_runs_a_verb() -> None:
    assert service("ExecStart") == f"{COMMAND} run"


def test_the_example_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ENVIRONMENT.splitlines():
        if not line.startswith("# "):
            name, _, value = line.removeprefix("#").partition("=")
            assert name in variables()
            monkeypatch.setenv(name, value)
    taken = load_settings()
    assert (taken.enabled, taken.wandb_api_key) == (("wandb", "mlflow"), None)
    assert Path(make_url(taken.database_url).database or "").parent == Path(STATE)


def test_the_unit_reads_the_environment_where_the_readme_installs_it() -> None:
    place = service("EnvironmentFile").removeprefix("-")
    assert f"--mode=0600 daemon/deploy/environment {place}\n" in README


def test_the_readmes_variables_are_read() -> None:
    assert set(re.findall(r"FAIRMIND_SYNC_\w+", README)) <= set(variables())


def test_the_readmes_links_and_files_are_there() -> None:
    links = [DEPLOY / link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README)]
    files = [CHECKOUT / file for file in re.findall(r"\bdaemon/deploy/\S+", README)]
    assert [path for path in (*links, *files) if not path.exists()] == []


def test_the_readme_links_each_file() -> None:
    linked = {(DEPLOY / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", README)}
    named = {(CHECKOUT / file).resolve() for file in re.findall(r"\bdaemon/deploy/\S+", README)}
    files = {
        path
        for path in DEPLOY.rglob("*")
        if path.is_file() and path.name not in (".env", "README.md")
    }
    assert files - linked - named == set()


def instructions() -> list[tuple[str, str]]:
    """The container file's, in order, lines that go on joined."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found = [line.partition(" ") for line in joined.splitlines() if line]
    return [(name, rest.strip()) for name, _, rest in found]


def instruction(name: str) -> str:
    """The last of its kind, which is the one that counts."""
    return [rest for found, rest in instructions() if found == name][-1]


def image_variables() -> dict[str, str]:
    pairs = (pair.partition("=") for pair in instruction("ENV").split())
    return {name: value for name, _, value in pairs}


def copied_sources() -> list[str]:
    copies = [rest.split() for name, rest in instructions() if name == "COPY"]
    return [source for words in copies if "--from" not in words[0] for source in words[:-1]]


def test_both_stages_have_one_base_for_the_environments_python_is_the_bases() -> None:
    bases = [rest.split(" ")[0] for name, rest in instructions() if name == "FROM"]
    assert bases == ["python:3.11-slim"] * 2


def test_what_the_container_copies_is_enough_for_the_wheel(wheel: Path, tmp_path: Path) -> None:
    for source in copied_sources():
        here, there = CHECKOUT / source, tmp_path / "source" / source
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(here, there) if here.is_dir() else shutil.copy(here, there)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", tmp_path, tmp_path / "source"], check=True, timeout=120)
    (built,) = tmp_path.glob("*.whl")
    assert names_in(built) == names_in(wheel)


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def test_the_container_runs_a_command_of_the_wheel(installed_wheel: Path) -> None:
    (metadata,) = installed_wheel.glob("*.dist-info")
    commands = PathDistribution(metadata).entry_points.names
    (command,), (verb,) = json.loads(instruction("ENTRYPOINT")), json.loads(instruction("CMD"))
    assert (command in commands, verb in verbs()) == (True, True)


def test_the_extras_are_the_wheels(installed_wheel: Path) -> None:
    (metadata,) = installed_wheel.glob("*.dist-info")
    extras = PathDistribution(metadata).metadata.get_all("Provides-Extra", [])
    named = re.findall(r"(?:EXTRAS=|\)\[|`)((?:\w+,)*(?:mlflow|postgres))\b", README)
    assert len(named) == 5
    assert set(",".join([*named, instruction("ARG").partition("=")[2]]).split(",")) <= set(extras)


def verbs() -> set[str]:
    return set(typer.main.get_group(app).commands)


def test_the_container_keeps_its_database_in_the_volume() -> None:
    database = image_variables()["FAIRMIND_SYNC_DATABASE_URL"].removeprefix("sqlite:///")
    assert str(Path(database).parent) == instruction("VOLUME") == STATE


def test_the_container_finds_its_command_where_the_environment_is_copied() -> None:
    (copied,) = {rest.split()[-1] for name, rest in instructions() if "--from=build" in rest}
    assert image_variables()["PATH"].split(":")[0] == f"{copied}/bin" == str(Path(COMMAND).parent)


def test_the_container_is_no_roots_and_is_stopped_as_the_daemon_expects() -> None:
    made = [rest for name, rest in instructions() if name == "RUN" and "useradd" in rest]
    user, group = instruction("USER").split(":")
    assert (len(made), user, f"--uid {user} " in made[0]) == (1, group, True)
    assert int(user) > 0
    assert instruction("STOPSIGNAL") == "SIGTERM"


def is_healthy(port: int) -> bool:
    """What the container's own check says; with a proxy set that must not be asked."""
    check = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
    assert check[0] == "python"
    env = {"FAIRMIND_SYNC_API_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    return not subprocess.run(
        [sys.executable, *check[1:]],
        env=os.environ | env,
        stderr=subprocess.DEVNULL,
        timeout=240,
        check=False,
    ).returncode


def test_the_containers_health_is_the_daemons(database_url: str, tmp_path: Path) -> None:
    with running_daemon({"FAIRMIND_SYNC_DATABASE_URL": database_url}, tmp_path) as daemon:
        assert is_healthy(int(daemon.url.rsplit(":", 1)[-1]))


def test_the_container_is_not_healthy_without_a_daemon() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert not is_healthy(silent.getsockname()[1])
