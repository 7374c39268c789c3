"""Tells systemd, or another service manager, that the daemon is ready, alive or stopping, by sd_notify.

The environment names the address, in variables that are removed once read, so that no worker process speaks
for the daemon. Without a service manager nothing is sent.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

_PATIENCE_S = 1.0
"""The longest wait for a service manager that doesn't read, since the heartbeat waits too."""


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The service manager at `address`; None: there is no service manager."""

    address: str | None = None
    watchdog_interval: timedelta | None = None
    """The longest time between two calls of `alive`; None if the service manager doesn't watch."""

    def ready(self) -> None:
        """Tells that the daemon has started."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Tells the service manager's watchdog that the daemon works."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Tells that the daemon has begun to stop."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        """Sends the state; never fails, because the daemon works on when its service manager is gone."""
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_PATIENCE_S)
            sender.sendto(state.encode(), address)


def take_over() -> ServiceManager:
    """Returns the service manager that the environment names, and removes its variables."""
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
