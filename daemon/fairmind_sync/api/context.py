"""What FastAPI gives to endpoints as arguments: settings, database, who acts, checked ids; the app's, or the
environment's where a backend mounts the router.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from fastapi import Depends, Path, Request
from sqlalchemy import Engine
from starlette.convertors import PathConvertor, register_url_convertor

from fairmind_sync.api.request_limits import WaitingRoom
from fairmind_sync.api.session import Visitor
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID
from fairmind_sync.outbox.operator_log import Actor
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.settings import Settings, current_settings
from fairmind_sync.storage.schema import ready_engine


class _Text(PathConvertor):
    """What is left of a path, whatever it holds: an id may have slashes and ends of lines."""

    regex = "(?s:.*)"


register_url_convertor("text", _Text())


def settings_of(request: Request) -> Settings:
    """Returns the settings of the app, or the environment's where a backend mounts the router."""
    given = getattr(request.app.state, "settings", None)
    return given if isinstance(given, Settings) else current_settings()


async def _settings(request: Request) -> Settings:
    return settings_of(request)


CurrentSettings = Annotated[Settings, Depends(_settings)]


async def _waiting_room(request: Request) -> WaitingRoom:
    """Returns the app's; a backend that mounts the router has one, too."""
    state = request.app.state
    if not hasattr(state, "fairmind_sync_waiting"):
        state.fairmind_sync_waiting = WaitingRoom()
    found: WaitingRoom = state.fairmind_sync_waiting
    return found


CurrentWaitingRoom = Annotated[WaitingRoom, Depends(_waiting_room)]


def open_store(settings: CurrentSettings) -> Engine:
    """Opens the settings' database, which gets today's schema if it is new."""
    return ready_engine(settings.database_url)


def visitor_of(request: Request) -> Visitor:
    """Returns whom the guard let in; a backend that mounts the router has a guard of its own."""
    found = request.scope.get("state", {}).get("visitor")
    return found if isinstance(found, Visitor) else Visitor()


async def _actor(request: Request) -> Actor:
    how = "REST API" if request.url.path.startswith("/api/") else "page"
    host = request.client.host if request.client else "an unknown address"
    return Actor(visitor_of(request).name or "no name given", f"{how} from {host}")


CurrentActor = Annotated[Actor, Depends(_actor)]
Store = Annotated[Engine, Depends(open_store)]
DeliveryId = Annotated[int, Path(ge=1, le=LARGEST_ID)]

if TYPE_CHECKING:
    KnownProvider: TypeAlias = str
else:
    KnownProvider = Literal[PROVIDERS]
