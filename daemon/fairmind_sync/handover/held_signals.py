"""Holds signals that end a program back while something is done that has to be done whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_back() -> Iterator[None]:
    """Has Ctrl+C, and a request to end, do nothing: what is done within takes a moment.

    Only the main thread can choose what a signal does; in another one nothing is held back, and the main
    thread is the one that a signal interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    before = {
        number: one for number, one in handlers.items() if one is not None
    }  # else not Python's
    try:
        for number in before:
            signal.signal(number, lambda *_: None)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
