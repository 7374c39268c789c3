"""What every endpoint works with: the settings, which a mounted router takes from the environment."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from fairmind_sync import settings
from fairmind_sync.lookup import LARGEST_ID
from fairmind_sync.settings import Settings


def _configured(request: Request) -> Settings:
    given = getattr(request.app.state, "settings", None)
    return given if isinstance(given, Settings) else settings.current()


Configured = Annotated[Settings, Depends(_configured)]
DeliveryId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
