"""A disk that is full for real, under a running daemon."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.errors import DiskFullError
from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.storage import schema, sqlite_file
from fairmind_sync.storage.engine import reading, writing
from tests.standins.mlflow_proxy import mlflow_proxy
from tests.support.processes import DaemonProcess, command, eventually, running_daemon

RESULT = {"model_id": "m", "test_type": "ml_bias", "results": {"accuracy": 0.85}}


class Disk:
    """A small file system of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.url = f"sqlite:///{place / 'results.db'}"
        self._filler = place / "filler"

    def fill(self, *, leaving: int) -> None:
        """Until so many bytes are left; with 0, until nothing can be written at all."""
        stat = os.statvfs(self.place)
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            filler.write(b"\0" * (stat.f_bavail * stat.f_frsize - leaving))
            while not leaving:
                filler.write(b"\0" * 512)

    def free(self) -> None:
        self._filler.unlink()

    def delivered(self) -> int:
        with reading(schema.ready_engine(self.url)) as connection:
            return len(delivery_lookup.deliveries(connection, RunFilter(status="delivered")))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("only root may mount a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=True)  # noqa: S607
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)  # noqa: S607


@pytest.fixture
def env(disk: Disk) -> dict[str, str]:
    return {"MLOPS_PROVIDER": "mlflow", "FAIRMIND_SYNC_DATABASE_URL": disk.url}


def save(env: dict[str, str], test_id: str, *, check: bool = True) -> tuple[int, str]:
    line = json.dumps(RESULT | {"test_id": test_id})
    ended = command("save", "-", env=env, stdin=line, check=check)
    return ended.returncode, ended.stderr


def is_stuck(daemon: DaemonProcess) -> bool:
    """It could not even write down that it is about to probe."""
    return any(event["job"] == "look" for event in daemon.seen("timer.failed"))


def sound(engine: Engine) -> bool:
    return sqlite_file.damage(engine) == []


def test_a_save_on_a_nearly_full_disk_is_refused_with_advice(
    disk: Disk, env: dict[str, str]
) -> None:
    save(env, "t1")
    disk.fill(leaving=1024**2)
    code, errors = save(env, "t2", check=False)
    assert (code, "nothing was saved. Free at least 8 MB" in errors) == (1, True)


def test_a_write_on_a_full_disk_stores_nothing_and_breaks_nothing(
    disk: Disk, env: dict[str, str]
) -> None:
    save(env, "t1")
    engine = schema.ready_engine(disk.url)
    disk.fill(leaving=0)
    with pytest.raises(DiskFullError), writing(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO fairmind_sync_version VALUES (hex(zeroblob(1000000)))"
        )
    assert sound(engine)
    engine.dispose()


@pytest.mark.nightly
def test_the_daemon_lives_through_a_full_disk_and_delivers_when_there_is_space(
    disk: Disk, env: dict[str, str], mlflow_uri: str, tmp_path: Path
) -> None:
    with mlflow_proxy(mlflow_uri) as proxy:
        proxy.stop()
        env["MLFLOW_TRACKING_URI"] = proxy.uri
        env["MLFLOW_EXPERIMENT_NAME"] = "full-disk"
        with running_daemon(env, tmp_path) as daemon:
            for number in range(5):
                save(env, f"t{number}")
            daemon.event("provider.offline")
            disk.fill(leaving=0)
            proxy.start()
            eventually(lambda: is_stuck(daemon))
            disk.free()
            assert eventually(lambda: disk.delivered() == 5)
            assert sound(schema.ready_engine(disk.url))
            assert daemon.process.poll() is None
        schema.ready_engine(disk.url).dispose()
