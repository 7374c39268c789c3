"""Gives endpoints settings and store: the app's, or the environment's where a backend mounts the router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from fastapi import Depends, Path, Request
from sqlalchemy import Engine

from fairmind_sync.outbox.delivery_lookup import LARGEST_ID
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.settings import Settings, current_settings
from fairmind_sync.storage.schema import ready_engine


def _settings(request: Request) -> Settings:
    given = getattr(request.app.state, "settings", None)
    return given if isinstance(given, Settings) else current_settings()


CurrentSettings = Annotated[Settings, Depends(_settings)]


def open_store(settings: CurrentSettings) -> Engine:
    """Opens the settings' database, which gets today's schema if it is new."""
    return ready_engine(settings.database_url)


Store = Annotated[Engine, Depends(open_store)]
DeliveryId = Annotated[int, Path(ge=1, le=LARGEST_ID)]

if TYPE_CHECKING:
    KnownProvider: TypeAlias = str
else:
    KnownProvider = Literal[PROVIDERS]
