"""The name by which a worker process signs its attempts: host, process id, its daemon's mark."""

from __future__ import annotations

import os
import socket


def worker_name(pid: int | None = None, parent: str = "") -> str:
    """Returns how a worker process of this host signs its attempts: `host:pid`, or `host:pid:parent`.

    `pid` is by default that of the calling process. `parent` is a mark of the daemon whose worker it is,
    because hosts and containers may share names and process ids.
    """
    return f"{socket.gethostname()}:{pid or os.getpid()}" + (parent and f":{parent}")
