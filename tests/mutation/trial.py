"""Tests of a collected session in a forked process, with or without a mutant."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test

SURVIVED, KILLED, HANGS, IN_DOUBT = 0, 1, 36, 70
_LEAST_SECONDS, _TIMES = 3.0, 50.0
"""A test hangs that takes so many seconds, and so many times its processor time without a mutant, longer."""


class Trial:
    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._seconds: Mapping[int, float] = {}
        self._place: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        self._kept: frozenset[Path] = frozenset()

    def name(self, number: int) -> str:
        return self._session.items[number].nodeid

    def count(self) -> int:
        return len(self._session.items)

    def warm_up(self) -> None:
        """Runs each file's first test here, so that no fork makes a schema, or imports what is late."""
        begun = set()
        for number, item in enumerate(self._session.items):
            if item.path not in begun:
                begun.add(item.path)
                self.run(number)
        self._kept = frozenset(self._place.iterdir())
        gc.collect()
        gc.freeze()  # a fork writes to no page that it only reads

    def expect(self, seconds: Mapping[int, float]) -> None:
        """Tells how much processor time each test takes without a mutant."""
        self._seconds = seconds

    def of_mutant(self, name: str, tests: Sequence[int]) -> tuple[int, int | None]:
        """Returns a verdict as mutmut's exit code, and the test that noticed."""
        code, said = self.in_a_fork(lambda say: self._first_that_fails(name, tests, say))
        if code == -signal.SIGALRM:
            code = HANGS
        return code, int(said.split()[-1]) if said and code in (KILLED, HANGS) else None

    def in_a_fork(self, work: Callable[[Callable[[str], None]], int]) -> tuple[int, str]:
        """As the function of that name; the child's temporary files are removed, which are in memory."""
        try:
            return in_a_fork(work)
        finally:
            for left in {*self._place.iterdir()} - self._kept:
                left.unlink() if left.is_symlink() else shutil.rmtree(left, ignore_errors=True)

    def _first_that_fails(self, name: str, tests: Sequence[int], say: Callable[[str], None]) -> int:
        set_mutant_under_test(name)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for number in tests:
            say(f"{number} ")
            longest = _LEAST_SECONDS + _TIMES * self._seconds[number]
            signal.setitimer(signal.ITIMER_REAL, longest)
            if not self.run(number):
                return KILLED
        return SURVIVED

    def run(self, number: int) -> bool:
        """Runs a test, and tears down all that does not belong to the whole session."""
        session, item = self._session, self._session.items[number]
        before = session.testsfailed
        session._setupstate.teardown_exact(item)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=session.items[number - 1])
        return session.testsfailed == before


def in_a_fork(work: Callable[[Callable[[str], None]], int]) -> tuple[int, str]:
    """Returns the exit code, or the negative signal, of a child that does the work, and what it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _work_and_exit(work, writing)
    os.close(writing)
    with os.fdopen(reading) as said:
        words = said.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words


def _work_and_exit(work: Callable[[Callable[[str], None]], int], writing: int) -> None:
    code = IN_DOUBT
    os.set_inheritable(writing, False)
    try:
        code = work(lambda words: _write(writing, words))
    except BaseException:  # noqa: BLE001 the process ends here, whatever a mutant did
        traceback.print_exc(file=sys.stderr)
    os._exit(code)


def _write(descriptor: int, words: str) -> None:
    with os.fdopen(os.dup(descriptor), "w") as file:
        file.write(words)


def tell(words: str) -> None:
    """Standard output is pytest's."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)  # noqa: T201
