"""Processes of ours that are forked from a preloaded one: most of a start is importing MLflow and W&B.

A forked process runs what a started one runs, with variables, a directory and standard streams of its own.
Its workers come from multiprocessing's own forkserver, which is forked off before any thread runs: product
code asks for 'spawn' and gets 'forkserver'. W&B's SDK reads one variable when it is imported,
WANDB_INSECURE_DISABLE_SSL: where a test sets that, processes are started (tests/support/processes.py).
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from multiprocessing import connection, forkserver, process, reduction
from pathlib import Path
from typing import Any

from tests.support.broom import place_of_the_run
from tests.support.documents import CHECKOUT
from tests.support.ending import end_with_parent

WORKERS = b"workers"
"""How the process is called that a forked daemon's workers are forked from."""
_PRELOADED = [
    "pytest",
    "mlflow",
    "wandb",
    "fairmind_sync.relay.worker",
    "fairmind_sync.relay.drain",
    "fairmind_sync.daemon",
    "fairmind_sync.api",
    "fairmind_sync.operating.doctor",
    "fairmind_sync.cli",
    "tests.support.forked",
    "tests.support.frozen",
]
_HAVE_WORKERS = ("run", "demo")
"""Verbs that start processes by multiprocessing's 'spawn'; a drain forks its own."""
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(_PRELOADED)
_starting = threading.Lock()
_PR_SET_NAME = 15


class Forked:
    """Runs `work` in a forked process; looks like a `subprocess.Popen` from outside.

    `streams` are the descriptors of its standard input, output and error.
    """

    def __init__(
        self,
        work: Callable[..., object],
        *arguments: Any,
        env: Mapping[str, str],
        cwd: Path,
        streams: Sequence[int],
    ) -> None:
        sys.audit("tests.Forked")
        entry = (work, arguments, dict(env), cwd, [_Descriptor(fd) for fd in streams])
        self._process = _processes.Process(target=_enter, args=entry)
        self._polling = threading.Lock()
        with _starting, _preloading():
            self._process.start()
            # multiprocessing would poll it from whichever thread starts the next one
            process._children.discard(self._process)  # type: ignore[attr-defined]

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        with self._polling:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        connection.wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@contextmanager
def _preloading() -> Iterator[None]:
    """One process of a run after the other: what the first one compiles, no other has to.

    The preloaded process imports by where it starts, and passes over what it doesn't find.
    """
    if _forkserver_runs():
        yield
        return
    with (place_of_the_run() / "preloading.lock").open("w") as lock, chdir(CHECKOUT):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forkserver_runs() -> bool:
    return forkserver._forkserver._forkserver_pid is not None  # type: ignore[attr-defined]


def verb(*arguments: str) -> None:
    """Runs `fairmind-sync` with these arguments."""
    sys.argv = ["fairmind-sync", *arguments]
    from fairmind_sync import cli  # noqa: PLC0415 preloaded, in the forked process

    cli.main()


def text(source: str, *arguments: str) -> None:
    """Runs a program's text, as `python -c` does."""
    sys.argv = ["-c", *arguments]
    exec(source, {"__name__": "__main__"})  # noqa: S102 a test's own text


def run(
    *arguments: str,
    env: Mapping[str, str],
    stdin: str | None = None,
    timeout: float,
    work: Callable[..., object] = verb,
) -> subprocess.CompletedProcess[str]:
    """Runs `fairmind-sync` or other work to its end, as `subprocess.run` does."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        given.write((stdin or "").encode())
        given.seek(0)
        streams = [given.fileno(), output.fileno(), errors.fileno()]
        forked = Forked(work, *arguments, env=env, cwd=Path.cwd(), streams=streams)
        try:
            code = forked.wait(timeout)
        finally:
            forked.kill()
        printed = [_written(file.fileno()) for file in (output, errors)]
    return subprocess.CompletedProcess([work.__name__, *arguments], code, *printed)


def _written(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    with open(file, encoding="utf-8", closefd=False) as lines:
        return lines.read()


class _Descriptor:
    """A descriptor of the starting process that the forked one gets a duplicate of."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _detach, (reduction.DupFd(self.number),)


def _detach(duplicate: Any) -> int:
    return int(duplicate.detach())


def _enter(
    work: Callable[..., object],
    arguments: Sequence[Any],
    env: Mapping[str, str],
    cwd: Path,
    streams: Sequence[int],
) -> None:
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]  # its end is the tests'
    end_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may be under nohup
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    tempfile.tempdir = None  # by TMPDIR, again
    _take(streams)
    _forget_the_tests()
    if "FAIRMIND_TEST_TROUBLE" in env:
        from tests.system.crash.injected import injection  # noqa: PLC0415 its orders are in the variables

        injection.set_up()  # the workers have it from here
    if work is not verb or arguments[0] in _HAVE_WORKERS:
        _fork_workers_from_here()
    try:
        work(*arguments)
    finally:
        atexit._run_exitfuncs()  # a forked process doesn't, a started one does


def _take(streams: Sequence[int]) -> None:
    """As the standard streams, which are as Python has opened those of the preloaded process."""
    assert sys.__stdout__ is not None
    encoding, errors = sys.__stdout__.encoding, sys.__stdout__.errors
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding=encoding, errors=errors)  # noqa: SIM115 descriptors, for good
    sys.stdout = open(1, "w", encoding=encoding, errors=errors)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding=encoding, errors="backslashreplace")  # noqa: SIM115


def _forget_the_tests() -> None:
    """A user's process is nobody's child in multiprocessing's eyes, and its main module is not pytest's."""
    process._parent_process = None  # type: ignore[attr-defined]
    process._children = set()  # type: ignore[attr-defined]
    sys.modules["__main__"] = types.ModuleType("__main__")


def _fork_workers_from_here() -> None:
    """Starts multiprocessing's forkserver, without a new Python; whoever asks for 'spawn' is given that."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0fairmind-sync-workers-{os.getpid()}")
    listener.listen()
    alive_r, alive_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(alive_w)
        _serve_workers(listener, alive_r)
    os.close(alive_r)
    server: Any = forkserver._forkserver
    server._forkserver_address = listener.getsockname()
    server._forkserver_alive_fd = alive_w
    server._forkserver_pid = pid
    server._inherited_fds = None
    listener.close()
    found = multiprocessing.get_context

    def given(method: str | None = None) -> Any:
        return found("forkserver" if method == "spawn" else method)

    multiprocessing.get_context = given


def _serve_workers(listener: socket.socket, alive_r: int) -> None:
    try:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, WORKERS)
        forkserver.main(listener.detach(), alive_r, [])
    finally:
        os._exit(0)  # once no process is left that could ask for a worker
