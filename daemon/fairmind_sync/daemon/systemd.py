"""Tells a service manager, such as systemd, how the daemon is: sd_notify's datagrams.

The environment says where to send. What it says is taken out of it, so that no worker process speaks for the
daemon. Without a service manager nothing is sent.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

_PATIENCE_S = 1.0
"""For a service manager that doesn't read; the heartbeat must not wait for it."""


@dataclass(frozen=True, slots=True)
class ServiceManager:
    address: str | None = None
    watchdog_interval: timedelta | None = None
    """Within which it wants to hear `alive`; none if it doesn't watch."""

    def ready(self) -> None:
        self._tell("READY=1")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        """Never fails: the daemon works on when its service manager is gone."""
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_PATIENCE_S)
            sender.sendto(state.encode(), address)


def take_over() -> ServiceManager:
    """Whom the environment names, for the last time."""
    address = os.environ.pop("NOTIFY_SOCKET", None)
    return ServiceManager(address or None, _watchdog_interval())


def _watchdog_interval() -> timedelta | None:
    microseconds = os.environ.pop("WATCHDOG_USEC", "")
    pid = os.environ.pop("WATCHDOG_PID", "")
    if pid not in ("", str(os.getpid())):
        return None
    with suppress(ValueError, OverflowError):
        return timedelta(microseconds=int(microseconds)) or None
    return None
