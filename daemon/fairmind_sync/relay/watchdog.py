"""The thread in a worker process that ends this process when a batch, a probe or a provider's opening takes
too long (hangs).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from ctypes import c_bool
from datetime import timedelta

from fairmind_sync.event_log import get_logger

HUNG = 70
_WATCH_INTERVAL_S = 0.5
_LONGEST_WORD_S = 10.0

log = get_logger()


class Watchdog:
    """Ends the process when what is watched takes too long.

    The watchdog goes by the monotonic clock: a wall clock that is set ahead must not end a healthy worker,
    whose request may still be under way while the next worker looks for what the request did.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.stop: c_bool = c_bool(False)
        self._last_word: Callable[[], object] = _nothing

    def watch(
        self, longest: timedelta | None, last_word: Callable[[], object] | None = None
    ) -> None:
        """Watches what may take `longest` from now; None ends the watch.

        `last_word` is called, and given some seconds, before the process is ended.
        """
        self._last_word = last_word or _nothing
        self.deadline = None if longest is None else time.monotonic() + longest.total_seconds()

    def should_stop(self) -> bool:
        """Returns whether the parent has asked this process to stop."""
        return self.stop.value

    def guard(self) -> None:
        """Checks the deadline for ever; ends the process with exit code `HUNG` once it has passed."""
        while True:
            time.sleep(_WATCH_INTERVAL_S)
            deadline = self.deadline  # another thread may clear it
            if deadline is not None and time.monotonic() > deadline:
                log.error("worker.hung", pid=os.getpid())
                self._say_the_last_word()
                sys.stderr.flush()
                os._exit(HUNG)

    def _say_the_last_word(self) -> None:
        """In a thread of its own: what is said may hang, too."""
        speaker = threading.Thread(target=self._last_word, daemon=True)
        speaker.start()
        speaker.join(_LONGEST_WORD_S)


def _nothing() -> None:
    """Says nothing."""
