"""The daemon: `run` is the long-running process, `lifespan` its scheduler inside a FastAPI backend."""

from fairmind_sync.extras import imported_with_daemon

with imported_with_daemon("fairmind_sync.daemon"):
    from fairmind_sync.daemon.process import lifespan, run

__all__ = ["lifespan", "run"]
