"""How many connections the API's server may keep: fewer where the
process may open few files (`ulimit -n`).
"""

from __future__ import annotations

import resource

MOST_CONNECTIONS = 1024
"""Connections, silent ones included; each costs a file descriptor."""
_FEWEST_CONNECTIONS = 8
_OTHER_FILES = 48
"""Files of the daemon that are no connections: of the database, and pipes to workers."""


def most_connections() -> int:
    """Returns `MOST_CONNECTIONS`, or less where the process may open few files (`ulimit -n`)."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(_FEWEST_CONNECTIONS, (files - _OTHER_FILES) // 3))
