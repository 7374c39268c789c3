"""Kills daemons and what they started, at random, and starts daemons that died."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support.postgres import PostgresServer
from tests.support.processes import DaemonProcess, is_worker

_WEIGHTS = {"worker": 6, "daemon": 3, "wandb-core": 1}
_SERVER_WEIGHTS = {"session": 2, "server": 1}


class Fleet:
    """Daemons over one database. `kills` counts the victims by kind.

    Where the database is a server's, its sessions are ended as well, and it is killed and started again.
    """

    def __init__(
        self,
        size: int,
        env: Mapping[str, str],
        cwd: Path,
        seed: int,
        server: PostgresServer | None = None,
    ) -> None:
        self.kills: Counter[str] = Counter()
        self._server = server
        self._weights = _WEIGHTS | (_SERVER_WEIGHTS if server else {})
        self._env, self._cwd = env, cwd
        self._chance = random.Random(seed)
        self._daemons = [DaemonProcess(env, cwd) for _ in range(size)]

    def strike(self) -> None:
        """SIGKILL for one process of a kind drawn by weight, if there is one."""
        daemon = self._chance.choice(self._daemons)
        kind = self._chance.choices(list(self._weights), list(self._weights.values()))[0]
        if self._server is not None and kind in _SERVER_WEIGHTS:
            self._strike_server(self._server, kind)
            return
        if kind == "daemon":
            daemon.kill()
            self.kills[kind] += 1
            return
        is_victim = is_worker if kind == "worker" else _is_core
        victims = [process for process in _descendants(daemon) if is_victim(process)]
        if victims:
            with suppress(psutil.NoSuchProcess):
                self._chance.choice(victims).kill()
                self.kills[kind] += 1

    def _strike_server(self, server: PostgresServer, kind: str) -> None:
        if kind == "server":
            server.stop(signal.SIGKILL)
            server.start()
        else:
            server.end_sessions(self._chance)
        self.kills[kind] += 1

    def revive(self) -> None:
        self._daemons = [
            daemon if daemon.process.poll() is None else DaemonProcess(self._env, self._cwd)
            for daemon in self._daemons
        ]

    def stop(self) -> None:
        for daemon in self._daemons:
            if daemon.process.poll() is None:
                daemon.stop()


def _descendants(daemon: DaemonProcess) -> list[psutil.Process]:
    try:
        return psutil.Process(daemon.process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_core(process: psutil.Process) -> bool:
    """Whether it is a process that W&B's SDK has started; false for one that has ended."""
    try:
        return "wandb-core" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
