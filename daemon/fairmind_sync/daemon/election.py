"""Has one process of a host deliver: who holds the host's lock
runs the scheduler, others stand by and take over.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from fairmind_sync.errors import StorageError
from fairmind_sync.event_log import get_logger
from fairmind_sync.storage.host_lock import HostLock

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.daemon.scheduler import Scheduler

TRY_EVERY_S = 1.0
"""Seconds after which a process that stands by looks whether the leader is gone."""

log = get_logger()


class Election:
    """Starts a scheduler in the process that holds the host's lock; a dead process holds no lock.

    A process that `always_delivers`, because somebody started it for that, holds the lock if the lock is
    free, so that others stand by.
    """

    def __init__(
        self, engine: Engine, make_scheduler: Callable[[], Scheduler], *, always_delivers: bool
    ) -> None:
        self._lock = HostLock(engine, "leader")
        self._make_scheduler = make_scheduler
        self._always_delivers = always_delivers
        self._scheduler: Scheduler | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Delivers from now on, or else as soon as the process that delivers is gone.

        Raises:
            StorageError: the database can't be written.
        """
        is_leader = self._takes_lock()
        if is_leader or self._always_delivers:
            self._deliver()
        if not is_leader:
            name = "daemon.beside_another" if self._always_delivers else "daemon.standing_by"
            log.info(name, pid=os.getpid(), reason="another process of this host delivers")
            self._thread = threading.Thread(target=self._stand_by, name="election", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops delivering, as `Scheduler.stop` does, then lets another process have the lock."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if self._scheduler is not None:
            self._scheduler.stop()
        self._lock.release()

    def _stand_by(self) -> None:
        while not self._stopping.wait(TRY_EVERY_S):
            try:
                if self._takes_over():
                    return
            except Exception as error:  # noqa: BLE001 else nobody would deliver any more
                log.error("daemon.not_taken_over", reason=str(error))  # noqa: TRY400 the message says it all

    def _takes_over(self) -> bool:
        """Returns whether this process holds the lock; delivers then."""
        if not self._takes_lock():
            return False
        if self._scheduler is None:
            self._deliver()
            log.info("daemon.taken_over", pid=os.getpid())
        return True

    def _takes_lock(self) -> bool:
        try:
            return self._lock.take()
        except StorageError as error:  # two that deliver do no harm; none would
            log.warning("daemon.not_elected", reason=str(error))
            return True

    def _deliver(self) -> None:
        scheduler = self._make_scheduler()
        try:
            scheduler.start()
        except BaseException:
            self._lock.release()
            raise
        self._scheduler = scheduler
