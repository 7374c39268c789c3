"""The REST API and the status page; `router` is for a backend that mounts the API itself."""

from fairmind_sync.extras import imported_with_daemon

with imported_with_daemon("fairmind_sync.api"):
    from fairmind_sync.api.app import create_app
    from fairmind_sync.api.endpoints import router

__all__ = ["create_app", "router"]
