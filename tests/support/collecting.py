"""What makes collecting cheap: each process of a run collects all tests."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path

_TESTS = Path(__file__).parents[1]


@contextmanager
def without_garbage() -> Iterator[None]:
    """What is collected stays until the end, and the garbage collector never looks at it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def compiled_once() -> Iterator[None]:
    """In a new clone one process of a run collects before the others: what it compiles, no other has to.

    Nobody waits where all is compiled, or nothing may be written.
    """
    is_alone = "PYTEST_XDIST_WORKER" not in os.environ
    if is_alone or sys.dont_write_bytecode or is_compiled():
        yield
        return
    import fcntl  # noqa: PLC0415 not every system has it

    from tests.support.broom import place_of_the_run  # noqa: PLC0415 only where it is needed

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
