"""The REST API: the document's three endpoints."""

from fairmind_sync.api.app import create_app

__all__ = ["create_app"]
