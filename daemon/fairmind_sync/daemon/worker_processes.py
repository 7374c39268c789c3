"""Worker processes as the system has them: makes the executor that starts one, asks whether one is alive,
waits for all at the end and kills the rest. Other children of this process are a backend's own.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import wait as wait_until_ready
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from apscheduler.executors.pool import ProcessPoolExecutor

from fairmind_sync.event_log import get_logger
from fairmind_sync.relay import worker

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from fairmind_sync.relay.shared_flags import SharedFlags
    from fairmind_sync.settings import Settings

_DRAINS_PER_WORKER = 500

log = get_logger()


class WorkerExecutor(ProcessPoolExecutor):  # type: ignore[misc]  # APScheduler has no types
    """Runs drains in one process, and remembers whether that process died, or didn't start, with a drain.

    APScheduler only logs that: without the mark, the provider would seem busy for ever.
    """

    has_lost_its_process = False

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        try:
            super()._do_submit_job(job, run_times)
        except BaseException:
            self.has_lost_its_process = True
            raise

    def _run_job_error(self, job_id: str, exc: BaseException, traceback: Any = None) -> None:
        super()._run_job_error(job_id, exc, traceback)
        self.has_lost_its_process = True


class _NotingContext:
    """Multiprocessing's context for fresh processes, which notes each process that is made by it.

    An executor replaces its process after some drains, and forgets its processes when it is shut down.
    """

    def __init__(self, made: WeakSet[BaseProcess]) -> None:
        self._context: Any = multiprocessing.get_context("spawn")
        self._made = made
        self.Process = self._make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def _make(self, *given: Any, **named: Any) -> BaseProcess:
        process: BaseProcess = self._context.Process(*given, **named)
        self._made.add(process)
        return process


class WorkerProcesses:
    """All worker processes of this process, whichever slot each belongs to."""

    def __init__(self) -> None:
        self._made: WeakSet[BaseProcess] = WeakSet()

    def executor(self, settings: Settings, flags: SharedFlags) -> WorkerExecutor:
        """Returns a fresh one-process executor; its process starts with its first drain."""
        return WorkerExecutor(
            1,
            {
                "mp_context": _NotingContext(self._made),
                "initializer": worker.start,
                "initargs": (settings, flags),
                "max_tasks_per_child": _DRAINS_PER_WORKER,
            },
        )

    def is_alive(self, pid: int) -> bool:
        """Returns whether the process is one of ours and hasn't ended."""
        return any(process.pid == pid for process in self._living())

    def end(self, within_s: float) -> None:
        """Waits for the processes for so many seconds, and kills those that don't end in time.

        The processes are waited for by their sentinels: `join` takes a process for alive that the executor's
        own thread has collected before.
        """
        deadline = time.monotonic() + within_s
        running = {process.sentinel: process for process in self._living()}
        while running and (left := deadline - time.monotonic()) > 0:
            for ended in wait_until_ready(running, left):
                del running[ended]  # type: ignore[arg-type]  # the sentinels that it was given
        for process in running.values():
            log.warning("worker.killed", pid=process.pid)
            process.kill()
            process.join()

    def _living(self) -> list[BaseProcess]:
        """Returns those that have been started and haven't ended."""
        return [child for child in multiprocessing.active_children() if child in self._made]
