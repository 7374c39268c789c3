"""In a new clone one process collects the tests before the others: what it compiles, no other has to."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path

from tests.support.broom import place_of_the_run

_TESTS = Path(__file__).parents[1]


@contextmanager
def compiled_once() -> Iterator[None]:
    """Around a process's collection; nobody waits where all is compiled, or nothing may be written."""
    if sys.dont_write_bytecode or is_compiled():
        yield
        return
    with (place_of_the_run() / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_compiled():
            fcntl.flock(lock, fcntl.LOCK_UN)
        yield


def is_compiled(tests: Path = _TESTS) -> bool:
    """Whether each file of tests has a compiled one of pytest's that is younger."""
    return all(map(_is_compiled, tests.rglob("test_*.py")))


def _is_compiled(file: Path) -> bool:
    compiled = Path(cache_from_source(str(file)))
    written = file.stat().st_mtime
    return any(
        one.stat().st_mtime >= written for one in compiled.parent.glob(f"{compiled.stem}-pytest-*")
    )
