"""Memory without locks that a worker process shares with its
parent: the wish to stop, and the worker's process id.
"""

from __future__ import annotations

from ctypes import c_bool, c_int
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import RawValue


@dataclass(frozen=True, slots=True)
class SharedFlags:
    """The parent sets `stop` to ask the worker to stop; the worker sets `pid` to its process id.

    The memory has no locks: a process that is killed while holding a lock would block all others for ever.
    """

    stop: c_bool = field(default_factory=lambda: RawValue(c_bool, False))
    pid: c_int = field(default_factory=lambda: RawValue(c_int, 0))
