"""The REST API and the status page; `router` is for a backend that mounts the API itself."""

from fairmind_sync.api.app import create_app
from fairmind_sync.api.endpoints import router

__all__ = ["create_app", "router"]
