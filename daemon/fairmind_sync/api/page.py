"""The status page, rendered from the database; its script fetches the page again and swaps what changed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.templating import Jinja2Templates

from fairmind_sync import __version__
from fairmind_sync.api import session
from fairmind_sync.api.chart import metrics_in, metrics_of, trend_svg
from fairmind_sync.api.context import CurrentSettings, DeliveryId, KnownProvider, Store
from fairmind_sync.evidence.files import report_of
from fairmind_sync.evidence.style import STYLE_SHA256
from fairmind_sync.operating import actions, explanation
from fairmind_sync.operating.status import overview
from fairmind_sync.outbox import result_lookup, saved_results
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID, RunFilter, find
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.states import STATUSES
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, reading
from fairmind_sync.text import printable, storable, web_url

if TYPE_CHECKING:
    from sqlalchemy import Engine

router = APIRouter(include_in_schema=False)

_PAGE_SIZE = 50
_TREND_LENGTH = 100
_SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_REPORT_POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_SHA256}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_OURS = re.compile(r"/(?![/\\\s])")
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))

_templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
Word = Annotated[str, Query(max_length=500)]
LONGEST_BACK = 8000  # a test id of 500 characters, percent-encoded, fits
Back = Annotated[str, Form(max_length=LONGEST_BACK)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the page's form asks for; an empty field restricts nothing."""

    q: str
    provider: str
    status: str

    def link(self, **more: str) -> str:
        fields = {"q": self.q, "provider": self.provider, "status": self.status, **more}
        return "/?" + urlencode({name: value for name, value in fields.items() if value})


@router.get("/")
def index(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    q: Word = "",
    provider: Word = "",
    status: Word = "",
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> HTMLResponse:
    wanted = Wanted(q, provider, status)
    now = current_time(engine)
    found = find(
        engine,
        RunFilter(
            search=q or None,
            provider=provider or None,
            status=status or None,
            before=cursor,
        ),
        _PAGE_SIZE + 1,
    )
    page = found[:_PAGE_SIZE]
    older = wanted.link(cursor=str(page[-1].id)) if len(found) > _PAGE_SIZE else None
    return _render(
        request,
        "index.html",
        settings,
        now=now,
        standing=overview(engine, settings, now),
        deliveries=page,
        older=older,
        wanted=wanted,
        providers=PROVIDERS,
        statuses=STATUSES,
    )


@router.get("/result")
def result(
    request: Request, settings: CurrentSettings, engine: Store, test_id: Word
) -> HTMLResponse:
    with reading(engine) as connection:
        found = result_lookup.revisions(connection, test_id)
    now = current_time(engine)
    explained = explanation.explain(engine, settings, test_id, now)
    if not found and not explained:
        return _missing(request, settings, f"No result of a test {test_id!r} is saved here.")
    return _render(
        request,
        "result.html",
        settings,
        now=now,
        test_id=test_id,
        revisions=found,
        explanations=explained,
    )


@router.get("/report")
def report(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    test_id: Word,
    user_id: Word | None = None,
    revision: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> HTMLResponse:
    """Returns the report of a result: the newest one, or that of a user and a revision."""
    with reading(engine) as connection:
        found = saved_results.newest_result(connection, test_id, user_id, revision)
    if found is None:
        return _missing(request, settings, f"No whole result of a test {test_id!r} is saved here.")
    return HTMLResponse(report_of(found), headers={"Content-Security-Policy": _REPORT_POLICY})


@router.get("/model")
def model(
    request: Request, settings: CurrentSettings, engine: Store, model_id: Word, metric: Word = ""
) -> HTMLResponse:
    points = _trend(engine, model_id)
    if not points:
        return _missing(request, settings, f"No result of a model {model_id!r} is saved here.")
    chosen, known = metrics_of(points, metric)
    return _render(
        request,
        "model.html",
        settings,
        model_id=model_id,
        metric=metric,
        known=known,
        chosen=chosen,
        points=list(reversed(points)),
        chart=f"/model/trend.svg?{urlencode({'model_id': model_id, 'metric': metric})}",
    )


@router.get("/model/trend.svg")
def trend(engine: Store, model_id: Word, metric: Word = "") -> Response:
    drawn = trend_svg(_trend(engine, model_id), metric)
    return Response(
        drawn, media_type="image/svg+xml", headers={"Content-Security-Policy": _SVG_POLICY}
    )


@router.post("/deliveries/{delivery_id}/retry")
def retry(delivery_id: DeliveryId, engine: Store, back: Back = "/") -> RedirectResponse:
    actions.retry(engine, [delivery_id])
    return _to(back)


@router.post("/deliveries/{delivery_id}/discard")
def discard(
    delivery_id: DeliveryId,
    engine: Store,
    reason: Annotated[str, Form(min_length=1, max_length=1000)],
    back: Back = "/",
) -> RedirectResponse:
    actions.discard(engine, [delivery_id], reason)
    return _to(back)


@router.post("/providers/{provider}/pause")
def pause(provider: KnownProvider, engine: Store, back: Back = "/") -> RedirectResponse:
    actions.pause(engine, provider)
    return _to(back)


@router.post("/providers/{provider}/resume")
def resume(provider: KnownProvider, engine: Store, back: Back = "/") -> RedirectResponse:
    actions.resume(engine, provider)
    return _to(back)


@router.get("/sign-in")
def sign_in_form(
    request: Request,
    settings: CurrentSettings,
    back: Annotated[str, Query(max_length=LONGEST_BACK)] = "/",
) -> HTMLResponse:
    return _render(request, "sign_in.html", settings, back=back, is_wrong=False)


@router.post("/sign-in")
def sign_in(
    request: Request,
    settings: CurrentSettings,
    token: Annotated[str, Form(max_length=1000)],
    back: Back = "/",
) -> Response:
    expected = session.token_of(settings)
    if expected is None or expected.is_mine(token.encode()):
        answer = _to(back)
        if expected is not None:
            answer.set_cookie(
                session.COOKIE,
                expected.session(),
                max_age=session.LASTS_S,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
        return answer
    page = _render(request, "sign_in.html", settings, back=back, is_wrong=True)
    page.status_code = 401
    return page


@router.post("/sign-out")
def sign_out() -> RedirectResponse:
    answer = _to("/sign-in")
    answer.delete_cookie(session.COOKIE, httponly=True, samesite="strict")
    return answer


def _trend(engine: Engine, model_id: str) -> list[result_lookup.TrendPoint]:
    with reading(engine) as connection:
        return result_lookup.trend(connection, model_id, _TREND_LENGTH)


def _render(request: Request, name: str, settings: Settings, **context: Any) -> HTMLResponse:
    common = {
        "version": __version__,
        "here": f"{request.url.path}?{request.url.query}",
        "has_token": settings.api_token is not None,
    }
    shown = _templates.get_template(name).render(request=request, **common, **context)
    return HTMLResponse(storable(shown))


def _missing(request: Request, settings: Settings, what: str) -> HTMLResponse:
    page = _render(request, "missing.html", settings, what=what)
    page.status_code = 404
    return page


def _to(back: str) -> RedirectResponse:
    """Redirects to one of our own pages, never to another site."""
    return RedirectResponse(back if _OURS.match(back) else "/", 303)


def _ago(then: datetime | None, now: datetime) -> str:
    """Returns how long ago `then` is, or how far ahead, in the largest unit that fits."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    size, unit = next((u for u in _UNITS if abs(seconds) >= u[0]), (1, "s"))
    amount = f"{round(abs(seconds) / size)} {unit}"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def _metric(point: result_lookup.TrendPoint, name: str) -> str:
    value = metrics_in(point).get(name)
    return "-" if value is None else f"{value:.6g}"


_templates.env.filters["ago"] = _ago
_templates.env.filters["metric"] = _metric
_templates.env.filters["pretty"] = partial(json.dumps, indent=2, ensure_ascii=False)
_templates.env.filters["web_url"] = web_url
_templates.env.filters["printable"] = printable
_templates.env.filters["quoted"] = partial(quote, safe="")
