"""A wall clock that is set by hours, either way, under a running daemon (libfaketime)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from tests.providers.test_mlflow import MlflowLab
from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy
from tests.support.processes import command, eventually, running_daemon

pytestmark = [pytest.mark.both_databases, pytest.mark.nightly]

JUMPS = ("-3h", "+3h")


class WallClock:
    """What processes with this environment take for the time of day."""

    def __init__(self, file: Path) -> None:
        self._file = file
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        assert library is not None, "install libfaketime: apt-get install libfaketime"
        self.env = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",  # with a cache a sleep in mid-jump is sometimes refused (EINVAL)
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.set("+0s")

    def set(self, offset: str) -> None:
        draft = self._file.with_suffix(".draft")
        draft.write_text(offset)
        draft.rename(self._file)


def remove_what_the_dead_share() -> None:
    """A process that is killed leaves what libfaketime shares with its children, named by its number."""
    for left in Path("/dev/shm").glob("*faketime_s[eh]m_*"):  # noqa: S108 libfaketime chose the place
        if not psutil.pid_exists(int(left.name.rpartition("_")[2])):
            left.unlink(missing_ok=True)


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[WallClock]:
    yield WallClock(tmp_path / "clock")
    remove_what_the_dead_share()


@pytest.fixture
def proxy(mlflow_uri: str) -> Iterator[MlflowProxy]:
    with mlflow_proxy(mlflow_uri) as proxy:
        yield proxy


@pytest.fixture
def lab(engine: Engine, proxy: MlflowProxy, clock: WallClock) -> MlflowLab:
    lab = MlflowLab(engine, proxy.uri)
    lab.env |= clock.env
    return lab


def save(lab: MlflowLab, test_id: str) -> None:
    """By a process with the same clock."""
    line = {"test_id": test_id, "model_id": "m", "test_type": "t", "results": {"accuracy": 1}}
    command("save", "-", env=lab.env, stdin=json.dumps(line))


def delivered(lab: MlflowLab) -> int:
    return sum(record.status == "delivered" for record in lab.records())


@pytest.mark.parametrize("jump", JUMPS)
def test_what_is_saved_after_a_jump_is_delivered_at_once(
    lab: MlflowLab, clock: WallClock, tmp_path: Path, jump: str
) -> None:
    with running_daemon(lab.env, tmp_path) as daemon:
        save(lab, "before")
        eventually(lambda: delivered(lab) == 1)
        clock.set(jump)
        daemon.event("clock.set")
        save(lab, "after")
        eventually(lambda: delivered(lab) == 2)
    assert len(lab.runs()) == 2


@pytest.mark.nightly
@pytest.mark.parametrize("jump", JUMPS)
def test_what_waits_for_a_provider_does_not_wait_for_the_clock(
    lab: MlflowLab, clock: WallClock, proxy: MlflowProxy, tmp_path: Path, jump: str
) -> None:
    proxy.stop()
    with running_daemon(lab.env, tmp_path) as daemon:
        save(lab, "waits")
        daemon.event("provider.offline")
        clock.set(jump)
        daemon.event("clock.set")
        proxy.start()
        eventually(lambda: delivered(lab) == 1)
    assert len(lab.runs()) == 1


@pytest.mark.nightly
def test_a_daemon_goes_on_giving_signs_of_life_after_its_clock_was_set_back(
    lab: MlflowLab, clock: WallClock, tmp_path: Path
) -> None:
    with running_daemon(lab.env, tmp_path) as daemon:
        clock.set("-3h")
        daemon.event("clock.set")
        assert eventually(
            lambda: json.loads(command("status", "--json", env=lab.env).stdout)["daemon_alive"]
        )
