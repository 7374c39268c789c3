"""Renders the status page's templates, with their filters: times as '5 min ago', verdicts, colours of risks,
breakable names; links and safe redirects.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup, escape
from starlette.templating import Jinja2Templates

from fairmind_sync import __version__
from fairmind_sync.api.context import visitor_of
from fairmind_sync.api.pages.trend_lines import limits_of
from fairmind_sync.evidence.number_format import number
from fairmind_sync.results.error_kinds import words_beside, words_for
from fairmind_sync.results.risk_levels import LEVELS
from fairmind_sync.text import counted, lasting, printable, storable, web_url

if TYPE_CHECKING:
    from fairmind_sync.results.verdict import Verdict
    from fairmind_sync.settings import Settings

Word = Annotated[str, Query(max_length=500)]
LONGEST_BACK = 8000  # a test id of 500 characters, percent-encoded, fits
Back = Annotated[str, Form(max_length=LONGEST_BACK)]
_OURS = re.compile(r"/(?![/\\\s])")
_WORST, _BAD = LEVELS.index("high"), LEVELS.index("medium")

_templates = Jinja2Templates(directory=Path(__file__).parents[1] / "templates")


def render(
    request: Request, template: str, settings: Settings, status: int = 200, **context: Any
) -> HTMLResponse:
    """Returns the template's page, with what every page needs: who looks, and where they are."""
    common = {
        "version": __version__,
        "here": f"{request.url.path}?{request.url.query}",
        "path": request.url.path,
        "has_token": settings.api_token is not None,
        "visitor": visitor_of(request),
    }
    shown = _templates.get_template(template).render(request=request, **common, **context)
    return HTMLResponse(storable(shown), status)


def missing(request: Request, settings: Settings, what: str) -> HTMLResponse:
    return render(request, "missing.html", settings, 404, what=what)


def to(back: str) -> RedirectResponse:
    """Redirects to one of our own pages, never to another site."""
    return RedirectResponse(back if _OURS.match(back) else "/", 303)


def link(path: str, **fields: object) -> str:
    """Returns the address of one of our pages; a list's values are repeated, None is left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def ago(then: datetime | None, now: datetime) -> str:
    """Returns how long ago `then` is, or how far ahead, in the largest unit that fits."""
    if then is None:
        return "never"
    seconds = (now - then).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    return f"{lasting(seconds)} ago" if seconds > 0 else f"in {lasting(seconds)}"


def verdict_words(verdict: Verdict) -> str:
    """Returns 'passed', 'failed', or 'no verdict' where the result states none."""
    return verdict.word or "no verdict"


def severity(risk: str | None) -> str:
    """Returns how a level of risk is coloured: good, medium, bad; or quiet where the level is unknown."""
    if risk is None or risk.lower() not in LEVELS:
        return "quiet"
    place = LEVELS.index(risk.lower())
    return "bad" if place >= _WORST else "medium" if place >= _BAD else "good"


def breakable(name: str) -> Markup:
    """Returns the name, which a browser may break after each slash and underscore."""
    parts = re.split(r"(?<=[/_])", name)
    return Markup("<wbr>").join(parts)


def linked(text: str, url: str | None) -> Markup:
    """Returns the text, in which the URL, if it is given, leads there and may be broken after slashes."""
    if url is None or url not in text:
        return escape(text)
    before, _, after = text.partition(url)
    address = Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, breakable(url))
    return escape(before) + address + escape(after)


def labelled(section: Markup, title_id: str) -> Markup:
    """Returns a section of a report whose tables are named by its title, and can be scrolled by keyboard."""
    named = f'aria-labelledby="{title_id}"'
    scrolled = f'<div class="wide" tabindex="0" role="group" {named}>'
    text = str(section).replace('<div class="wide">', scrolled)
    return Markup(text.replace("<table", f"<table {named}"))  # noqa: S704 it was markup, and the id is ours


_templates.env.filters |= {
    "labelled": labelled,
    "breakable": breakable,
    "linked": linked,
    "ago": ago,
    "lasting": lasting,
    "number": number,
    "limits": limits_of,
    "counted": counted,
    "verdict": verdict_words,
    "severity": severity,
    "kind_words": words_for,
    "words_beside": words_beside,
    "pretty": partial(json.dumps, indent=2, ensure_ascii=False),
    "web_url": web_url,
    "printable": printable,
    "quoted": partial(quote, safe=""),
}
_templates.env.globals |= {"link": link}
