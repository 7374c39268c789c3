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

Found = TypeVar("Found")

PATIENCE_S = 240.0
"""What is waited for so long never comes; nothing else is a failure on a machine that others keep busy."""
COMMAND = (sys.executable, "-m", "fairmind_sync")


def eventually(look: Callable[[], Found | None], seconds: float = PATIENCE_S) -> Found:
    """What `look` finds, as soon as it is true; looks every 20 ms."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s; the last look found {found!r}")
        time.sleep(0.02)
    return found


def command(
    *arguments: str,
    env: Mapping[str, str],
    stdin: str | None = None,
    check: bool = True,
    inside: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Runs `fairmind-sync` to its end."""
    return subprocess.run(
        [*inside, *COMMAND, *arguments],
        env={**os.environ, **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=check,
    )


class DaemonProcess:
    """A running `fairmind-sync run`; its log lines are parsed as they come.

    `inside` is what its command line begins with: to run elsewhere.
    """

    def __init__(self, env: Mapping[str, str], cwd: Path, inside: Sequence[str] = ()) -> None:
        self.events: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        self.process = subprocess.Popen(
            [*inside, *COMMAND, "run"],
            env={**os.environ, "FAIRMIND_SYNC_API_PORT": "0", **env},
            cwd=cwd,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    @property
    def url(self) -> str:
        return str(self.event("daemon.ready")["url"])

    def event(self, name: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """The first log event of this name, waited for."""
        return eventually(lambda: next(iter(self.seen(name)), None), seconds)

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

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.other_lines.append(line)


@contextmanager
def running_daemon(
    env: Mapping[str, str], cwd: Path, inside: Sequence[str] = ()
) -> Iterator[DaemonProcess]:
    """A daemon that answers; killed at the end of the block if the test has not stopped it."""
    daemon = DaemonProcess(env, cwd, inside)
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
