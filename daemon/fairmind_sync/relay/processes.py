"""Decides how many worker processes a provider gets, and how each of them signs its attempts."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from fairmind_sync import providers

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName

LARGE_BACKLOG = 200
"""So many pending deliveries make a provider's second process worth its start."""


def worker_name(pid: int | None = None, parent: str = "") -> str:
    """Returns how a worker process of this host signs its attempts: `host:pid`, or `host:pid:parent`.

    `pid` is by default that of the calling process. `parent` is a mark of the daemon whose worker it is,
    because hosts and containers may share names and process ids.
    """
    return f"{socket.gethostname()}:{pid or os.getpid()}" + (parent and f":{parent}")


def most_processes(provider: ProviderName) -> int:
    return providers.folder(provider).PROCESSES


def processes_for(provider: ProviderName, pending: int) -> int:
    """Returns how many processes so many pending deliveries are worth."""
    return most_processes(provider) if pending >= LARGE_BACKLOG else 1
