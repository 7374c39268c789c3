"""The worker processes that a daemon has on this machine: how one starts, lives and ends."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import wait as wait_until_ready
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ProcessPoolExecutor

from fairmind_sync.event_log import get_logger
from fairmind_sync.relay import worker

if TYPE_CHECKING:
    from fairmind_sync.relay.shared_flags import SharedFlags
    from fairmind_sync.settings import Settings

_DRAINS_PER_WORKER = 500

log = get_logger()


class WorkerProcesses:
    """All worker processes of this process, whichever slot each belongs to."""

    def executor(self, settings: Settings, flags: SharedFlags) -> ProcessPoolExecutor:
        """Returns a fresh one-process executor; its process starts with its first drain."""
        return ProcessPoolExecutor(
            1,
            {
                "mp_context": multiprocessing.get_context("spawn"),
                "initializer": worker.start,
                "initargs": (settings, flags),
                "max_tasks_per_child": _DRAINS_PER_WORKER,
            },
        )

    def is_alive(self, pid: int) -> bool:
        """Returns whether the process is one of ours and hasn't ended."""
        return any(child.pid == pid for child in multiprocessing.active_children())

    def end(self, within_s: float) -> None:
        """Waits for the processes for so many seconds, and kills those that don't end in time.

        The processes are waited for by their sentinels: `join` takes a process for alive that the executor's
        own thread has collected before.
        """
        deadline = time.monotonic() + within_s
        children = {child.sentinel: child for child in multiprocessing.active_children()}
        while children and (left := deadline - time.monotonic()) > 0:
            for ended in wait_until_ready(children, left):
                del children[ended]  # type: ignore[arg-type]  # the sentinels that it was given
        for child in children.values():
            log.warning("worker.killed", pid=child.pid)
            child.kill()
            child.join()
