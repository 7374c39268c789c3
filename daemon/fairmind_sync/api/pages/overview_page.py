"""The first page: the headline, a card for each provider with its last
24 hours, what is dead and why, the latest results.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from fairmind_sync.api.context import CurrentSettings, Store
from fairmind_sync.api.pages.rendering import render
from fairmind_sync.api.pages.sparkline import DAY, sparkline
from fairmind_sync.operating.asked_again import answer_of
from fairmind_sync.operating.headline import headline, state_of
from fairmind_sync.operating.status import overview
from fairmind_sync.outbox import provider_state, samples
from fairmind_sync.outbox.dead_causes import dead_causes
from fairmind_sync.outbox.model_lookup import newest_results
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage.engine import current_time, reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup
    from sqlalchemy import Connection

router = APIRouter(include_in_schema=False)

Moment = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False)]
_LATEST = 10
_CAUSES = 8
_OF_A_LIST = ("q", "provider", "status", "cursor")
"""Fields of addresses of the list that was here before it had a page of its own."""


@dataclass(frozen=True, slots=True)
class ProviderCard:
    """A provider as it stands, and its last 24 hours, or since the first sample of them; None without one."""

    name: str
    state: str
    standing: Mapping[str, Any]
    backlog: Markup | None
    since: datetime | None
    delivered: int | None
    latency: timedelta | None
    is_whole_day: bool

    @property
    def verb(self) -> str | None:
        """What an operator can do: resume what is paused, try what is away, pause what works."""
        if self.standing["paused_at"] or self.state == "blocked":
            return "resume"
        return {"offline": "try now", "disabled": None}.get(self.state, "pause")


@router.get("/")
def index(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    retried: int | None = None,
    discarded: int | None = None,
    asked: str = "",
    at: Moment = 0,
) -> Response:
    if any(name in request.query_params for name in _OF_A_LIST):
        return RedirectResponse(f"/deliveries?{request.url.query}", 307)
    now = current_time(engine)
    standing = overview(engine, settings, now)
    with reading(engine) as connection:
        cards = [_card(connection, name, one, now) for name, one in standing["providers"].items()]
        causes = dead_causes(connection)
        latest = newest_results(connection, _LATEST)
        states = {
            name: provider_state.read(connection, name) for name in PROVIDERS if name == asked
        }
    asked_at = datetime.fromtimestamp(at, UTC)
    alive = standing["daemon_alive"]
    return render(
        request,
        "overview.html",
        settings,
        now=now,
        headline=headline(standing, causes, now),
        standing=standing,
        cards=cards,
        causes=causes[:_CAUSES],
        causes_left=causes[_CAUSES:],
        latest=latest,
        retried=retried,
        discarded=discarded,
        answers=[
            answer_of(name, state, asked_at, now, alive=alive) for name, state in states.items()
        ],
    )


def _card(
    connection: Connection, name: str, standing: Mapping[str, Any], now: datetime
) -> ProviderCard:
    day = [
        *samples.since(connection, name, now - DAY),
        samples.now_of(connection, name, now),
    ]
    begun = day[0].at if len(day) > 1 else None
    return ProviderCard(
        name,
        state_of(standing),
        standing,
        sparkline(day, now),
        begun,
        samples.throughput(day) if begun else None,
        samples.latency(day),
        is_whole_day=begun is not None and now - begun > DAY - 2 * samples.EVERY,
    )
