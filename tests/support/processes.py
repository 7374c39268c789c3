"""Real processes of ours, started and watched by tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.support import forked
from tests.support.ending import ending_with_parent

Found = TypeVar("Found")

PATIENCE_S = 240.0
"""What is waited for so long never comes; nothing else is a failure on a machine that others keep busy."""
COMMAND = (sys.executable, "-m", "fairmind_sync")
_FOR_THE_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "NOTIFY_", "WANDB_INSECURE_DISABLE_SSL")
"""What variables begin with that a process reads when it starts or imports, or that others look for in it."""


_STARTED = ("doctor",)
"""Verbs that leave a worker to their interpreter's end, for which a forked process may wait for ever."""


def eventually(look: Callable[[], Found | None], seconds: float = PATIENCE_S) -> Found:
    """What `look` finds, soon after it is true.

    Looks again after 20 ms at first, ever more rarely later, and half a second after a look's end at most. A
    look that takes long is followed by a longer wait: whoever is waited for needs the processor.
    """
    begin = now = time.monotonic()
    while not (found := look()):
        looked, now = now, time.monotonic()
        if now > begin + seconds:
            raise AssertionError(f"not within {seconds} s; the last look found {found!r}")
        time.sleep(min(0.5, max(0.02, (now - begin) / 20, 9 * (now - looked))))
        now = time.monotonic()
    return found


def command(
    *arguments: str,
    env: Mapping[str, str],
    stdin: str | None = None,
    check: bool = True,
    inside: Sequence[str] = (),
    started: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Runs `fairmind-sync` to its end; forked from a preloaded process, unless it has to be `started`."""
    if not (started or arguments[0] in _STARTED or _has_to_be_started(env, inside)):
        ended = forked.run(*arguments, env={**os.environ, **env}, stdin=stdin, timeout=PATIENCE_S)
        if check:
            assert ended.returncode == 0, ended
        return ended
    return subprocess.run(
        [*ending_with_parent(), *inside, *COMMAND, *arguments],
        env={**os.environ, **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=check,
    )


def _has_to_be_started(env: Mapping[str, str], inside: Sequence[str]) -> bool:
    """Whether the process can't be forked: it runs elsewhere, its start differs, or it is measured."""
    is_test = "PYTEST_CURRENT_TEST" in os.environ
    startup = [
        name
        for name in env
        if name.startswith(_FOR_THE_START)
        and not (name == "PYTHONPATH" and "FAIRMIND_TEST_TROUBLE" in env)
    ]
    return bool(inside) or bool(startup) or not is_test


def workers_of(pid: int) -> list[psutil.Process]:
    """The worker processes of a daemon, whether they were started or forked."""
    return [one for one in psutil.Process(pid).children(recursive=True) if is_worker(one)]


def is_worker(process: psutil.Process) -> bool:
    """False for one that has ended."""
    try:
        names = {process.name(), psutil.Process(process.ppid()).name()}
        return names == {forked.WORKERS.decode()} or "spawn_main" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


class DaemonProcess:
    """A running `fairmind-sync run`; its log lines are parsed as they come.

    It is forked from a preloaded process, unless it has to be `started`. `inside` is what its command line
    begins with: to run elsewhere.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        cwd: Path,
        inside: Sequence[str] = (),
        *,
        started: bool = False,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        whole = {**os.environ, "FAIRMIND_SYNC_API_PORT": "0", **env}
        reading, writing = os.pipe()
        self.process: subprocess.Popen[bytes] | forked.Forked
        if started or _has_to_be_started(env, inside):
            self.process = subprocess.Popen(
                [*ending_with_parent(), *inside, *COMMAND, "run"],
                env=whole,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stderr=writing,
                stdout=subprocess.DEVNULL,
            )
        else:
            with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 its descriptor
                streams = [nothing.fileno(), nothing.fileno(), writing]
                self.process = forked.Forked(
                    forked.verb, "run", env=whole, cwd=cwd, streams=streams
                )
        os.close(writing)
        self._reader = threading.Thread(target=self._read_log, args=(reading,))
        self._reader.start()

    @property
    def url(self) -> str:
        return str(self.event("daemon.ready")["url"])

    def event(self, name: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """The first log event of this name, waited for while the daemon's log goes on."""

        def look() -> dict[str, Any] | None:
            is_over = not self._reader.is_alive()
            found = next(iter(self.seen(name)), None)
            assert found or not is_over, f"the daemon ended without {name}: {self.other_lines}"
            return found

        return eventually(look, seconds)

    def seen(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal, waits for the end; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE_S)
        self._reader.join()
        return code

    def kill(self) -> None:
        """SIGKILL; whoever it started has to notice by itself."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read_log(self, errors: int) -> None:
        with open(errors, encoding="utf-8") as lines:
            for line in lines:
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.other_lines.append(line)


@contextmanager
def running_daemon(
    env: Mapping[str, str], cwd: Path, inside: Sequence[str] = (), *, started: bool = False
) -> Iterator[DaemonProcess]:
    """A daemon that answers; killed at the end of the block if the test has not stopped it."""
    daemon = DaemonProcess(env, cwd, inside, started=started)
    try:
        daemon.event("daemon.ready")
        yield daemon
    finally:
        try:
            if daemon.process.poll() is None:
                daemon.stop()
        finally:
            daemon.kill()
            if "PYTEST_CURRENT_TEST" in os.environ:
                print(*daemon.events, *daemon.other_lines, sep="\n", file=sys.stderr)  # noqa: T201 if a test fails
