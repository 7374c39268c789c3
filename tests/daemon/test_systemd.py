"""What systemd is told: by whom, when, and what not."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon import process, systemd
from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.daemon.systemd import ServiceManager
from fairmind_sync.errors import StorageError
from fairmind_sync.outbox import heartbeat
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import heartbeat_table
from tests.support.databases import rows
from tests.support.processes import command, eventually, running_daemon

RESULT = {"test_id": "t", "model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Manager:
    """The end where systemd reads; each datagram comes with the process id of who sent it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.settimeout(30)
        self._socket.bind(address.replace("@", "\0"))

    def next(self) -> tuple[str, int]:
        """What is said next, waited for, and by whom."""
        size = struct.calcsize("3i")
        text, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(size))
        ((_, _, credentials),) = ancillary
        return text.decode(), struct.unpack("3i", credentials[:size])[0]

    def has_heard_nothing(self) -> bool:
        return not select.select([self._socket], [], [], 0)[0]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    abstract = f"@fairmind-sync-test/{os.getpid()}/{tmp_path.name}"
    manager = Manager(abstract if request.param == "abstract" else str(tmp_path / "notify"))
    yield manager
    manager.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Manager]:
    """A manager whom this process's environment names."""
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    yield manager
    manager.close()


@pytest.mark.parametrize(
    ("tell", "said"),
    [
        (ServiceManager.ready, "READY=1"),
        (ServiceManager.alive, "WATCHDOG=1"),
        (ServiceManager.stopping, "STOPPING=1"),
    ],
)
def test_each_state_is_one_datagram_of_this_process(
    manager: Manager, tell: Callable[[ServiceManager], None], said: str
) -> None:
    tell(ServiceManager(manager.address))
    assert (manager.next(), manager.has_heard_nothing()) == ((said, os.getpid()), True)


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "gone")).ready()


def test_a_manager_that_does_not_read_is_not_waited_for_for_long(manager: Manager) -> None:
    fill(manager.address)
    before = time.monotonic()
    ServiceManager(manager.address).alive()
    assert time.monotonic() - before < 10


def fill(address: str) -> None:
    """Sends until no more is taken."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                sender.sendto(b"x", address.replace("@", "\0"))


@pytest.mark.parametrize("address", [None, ""])
def test_without_a_manager_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setattr(socket, "socket", None)
    systemd.take_over().ready()


@pytest.mark.parametrize(
    ("microseconds", "pid", "interval"),
    [
        ("60000000", "ours", timedelta(minutes=1)),
        ("60000000", None, timedelta(minutes=1)),
        ("60000000", "1", None),
        ("0", None, None),
        ("a minute", None, None),
        ("9" * 30, None, None),
        (None, None, None),
    ],
)
def test_the_watchdogs_interval_is_known(
    monkeypatch: pytest.MonkeyPatch,
    microseconds: str | None,
    pid: str | None,
    interval: timedelta | None,
) -> None:
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value.replace("ours", str(os.getpid())))
    assert systemd.take_over().watchdog_interval == interval


def test_no_process_started_later_finds_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "1")
    systemd.take_over()
    assert [name for name in VARIABLES if name in os.environ] == []


@dataclass(frozen=True)
class Watched:
    """What a daemon said that delivered a result and ended, and the variables that its children knew."""

    pid: int
    said: list[tuple[str, int]]
    known: list[set[str]]


@pytest.fixture(scope="module")
def watched(shared_place: Path, sqlite_template: Path, mlflow_uri: str) -> Watched:
    """A started daemon under a service manager; its worker process stays after the delivery."""
    shutil.copytree(sqlite_template, shared_place / "database")
    manager = Manager(str(shared_place / "notify"))
    env = {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{shared_place / 'database/fairmind-sync.db'}",
        "NOTIFY_SOCKET": manager.address,
        "WATCHDOG_USEC": "60000000",
    }
    with running_daemon(env, shared_place, started=True) as running:
        command("save", "-", env=without_manager(env), stdin=json.dumps(RESULT))
        running.event("delivery.delivered")
        children = psutil.Process(running.process.pid).children(recursive=True)
        known = [set(VARIABLES) & child.environ().keys() for child in children]
        said = [manager.next(), manager.next()]
        running.stop()
    while not manager.has_heard_nothing():
        said.append(manager.next())
    manager.close()
    return Watched(running.process.pid, said, known)


def without_manager(env: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in env.items() if name not in VARIABLES}


def test_the_daemon_alone_says_when_it_is_ready_alive_and_stopping(watched: Watched) -> None:
    said = watched.said
    assert [what for what, _ in said[:2]] == ["READY=1", "WATCHDOG=1"]
    assert [what for what, _ in said if what != "WATCHDOG=1"] == ["READY=1", "STOPPING=1"]
    assert {sender for _, sender in said} == {watched.pid}


def test_no_worker_knows_the_service_manager(watched: Watched) -> None:
    known = watched.known
    assert (known != [], set().union(*known)) == (True, set())


def test_a_watchdog_shorter_than_a_heartbeat_may_take_is_warned_of(
    database_url: str, tmp_path: Path
) -> None:
    env = {"FAIRMIND_SYNC_DATABASE_URL": database_url, "WATCHDOG_USEC": "20000000"}
    with running_daemon(env, tmp_path, started=True) as running:
        assert running.event("daemon.short_watchdog")["at_least"] == 35


def test_a_heartbeat_that_was_not_written_is_no_sign_of_life(engine: Engine) -> None:
    heard: list[str] = []
    housekeeping = Housekeeping(engine, on_beat=lambda: heard.append("beat"))
    with writing(engine) as connection:
        housekeeping.start(connection, utc_now())
    housekeeping.beat()
    with writing(engine) as connection:
        heartbeat_table.drop(connection)
    with pytest.raises(StorageError):
        housekeeping.beat()
    assert heard == ["beat"]


def test_a_backend_that_delivers_in_its_own_process_speaks_for_itself(
    told: Manager, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", database_url)
    monkeypatch.setattr(heartbeat, "INTERVAL", timedelta(milliseconds=20))

    async def deliver() -> None:
        async with process.lifespan():
            await asyncio.to_thread(eventually, lambda: has_beaten(engine))

    asyncio.run(deliver())
    assert (told.has_heard_nothing(), os.environ["NOTIFY_SOCKET"]) == (True, told.address)


def has_beaten(engine: Engine) -> bool:
    """Whether a daemon's heart beat after its start."""
    return any(row.seen_at > row.started_at for row in rows(engine, heartbeat_table))
