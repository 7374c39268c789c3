"""The pages of models: the list, one model's metrics over time, and two to six models compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from fairmind_sync.api.context import CurrentSettings, Store
from fairmind_sync.api.pages.comparison import compared
from fairmind_sync.api.pages.model_filter import ModelFilter
from fairmind_sync.api.pages.rendering import Word, link, missing, render
from fairmind_sync.api.pages.trend_chart import trend_svg
from fairmind_sync.api.pages.trend_lines import Line, lines_of, metrics_of
from fairmind_sync.operating.better_or_worse import LOOKED_AT, courses
from fairmind_sync.outbox import model_lookup, result_lookup
from fairmind_sync.results.verdict import verdict_of
from fairmind_sync.storage.engine import current_time, reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from fairmind_sync.outbox.result_lookup import TrendPoint
    from fairmind_sync.settings import Settings

router = APIRouter(include_in_schema=False)

_PAGE_SIZE = 50
_TREND_LENGTH = 100
_MOST_COUNTED = 10_000
_FOLDED_FROM = 11
"""A table of so many results is folded."""
_FEWEST_COMPARED, _MOST_COMPARED = 2, 6
Models = Annotated[
    list[Annotated[str, Field(max_length=500)]], Query(default_factory=list, max_length=_PAGE_SIZE)
]
Page = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """A model's newest result, and what it says."""

    model_id: str
    newest: TrendPoint
    results: int

    @property
    def verdict(self) -> object:
        return verdict_of(self.newest.results)


@router.get("/models")
def models(
    request: Request, settings: CurrentSettings, engine: Store, q: Word = "", page: Page = 1
) -> HTMLResponse:
    return _list(request, settings, engine, q=q, page=page)


def _list(
    request: Request,
    settings: Settings,
    engine: Engine,
    *,
    q: str = "",
    page: int = 1,
    status: int = 200,
    notice: str = "",
    chosen: Sequence[str] = (),
) -> HTMLResponse:
    """Returns the list of models, with a notice if there is one, and these models ticked."""
    with reading(engine) as connection:
        found = model_lookup.models(
            connection,
            search=q,
            limit=_PAGE_SIZE + 1,
            offset=_PAGE_SIZE * (page - 1),
            length=LOOKED_AT,
        )
        compared_models = courses(connection, found[:_PAGE_SIZE])
    return render(
        request,
        "models.html",
        settings,
        status,
        notice=notice,
        chosen=chosen,
        now=current_time(engine),
        models=[*zip(found, compared_models, strict=False)],
        q=q,
        next=link("/models", q=q or None, page=page + 1) if len(found) > _PAGE_SIZE else None,
        previous=link("/models", q=q or None, page=page - 1) if page > 1 else None,
    )


@router.get("/model")
def model(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    wanted: Annotated[ModelFilter, Query()],
) -> HTMLResponse:
    with reading(engine) as connection:
        choices = model_lookup.choices(connection, wanted.model_id)
        points = _narrow_trend(connection, wanted)
        total = _total(connection, wanted, len(points))
    if not total and not wanted.is_narrow:
        return missing(
            request, settings, f"No result of a model {wanted.model_id!r} is saved here."
        )
    chosen, known = metrics_of(points, wanted.metric)
    lines = lines_of(points, chosen)
    return render(
        request,
        "model.html",
        settings,
        now=current_time(engine),
        model_id=wanted.model_id,
        wanted=wanted,
        choices=choices,
        known=known,
        chosen=chosen,
        points=[(point, verdict_of(point.results)) for point in reversed(points)],
        lines=lines,
        chart=trend_svg(lines),
        first=(wanted.page - 1) * _TREND_LENGTH + 1,
        total=total,
        is_more=total >= _MOST_COUNTED,
        is_folded=len(points) >= _FOLDED_FROM,
    )


@router.get("/compare")
def compare(
    request: Request, settings: CurrentSettings, engine: Store, model_id: Models, metric: Word = ""
) -> HTMLResponse:
    """Shows the newest results of two models or more side by side, and one metric of all over time."""
    if not _FEWEST_COMPARED <= len({*model_id}) <= _MOST_COMPARED:
        asked = 'Choose two to six models, then "Compare chosen".'
        return _list(request, settings, engine, status=422, notice=asked, chosen=model_id)
    trends = _trends(engine, model_id)
    if not trends:
        return missing(request, settings, "No result of these models is saved here.")
    newest = [ComparedModel(name, points[-1], len(points)) for name, points in trends.items()]
    chosen, known = _common_metrics(trends, metric)
    lines = [
        Line(name, line.points, line.threshold)
        for name, points in trends.items()
        for line in lines_of(points, [chosen])
    ]
    return render(
        request,
        "compare.html",
        settings,
        now=current_time(engine),
        models=newest,
        numbers=compared([one.newest.results for one in newest]),
        metric=chosen,
        known=known,
        lines=lines,
        chart=trend_svg(lines),
    )


def _trends(engine: Engine, model_ids: Sequence[str]) -> dict[str, list[TrendPoint]]:
    found = {name: _trend(engine, name) for name in dict.fromkeys(model_ids)}
    return {name: points for name, points in found.items() if points}


def _common_metrics(
    trends: Mapping[str, Sequence[TrendPoint]], wanted: str
) -> tuple[str, list[str]]:
    """Returns the metric to draw, and all that there are.

    It is the wanted one; else one that most models have, and of these one with a threshold.
    """
    known = [metrics_of(points)[1] for points in trends.values()]
    every = sorted({name for names in known for name in names})
    if wanted in every or not every:
        return wanted, every
    lines = [line for points in trends.values() for line in lines_of(points, metrics_of(points)[0])]
    judged = {line.name for line in lines if line.threshold is not None}
    names = [line.name for line in lines] or every
    return max(names, key=lambda name: (sum(name in one for one in known), name in judged)), every


def _narrow_trend(connection: Connection, wanted: ModelFilter) -> list[TrendPoint]:
    return result_lookup.trend(
        connection,
        wanted.model_id,
        _TREND_LENGTH,
        offset=(wanted.page - 1) * _TREND_LENGTH,
        **wanted.narrow,
    )


def _total(connection: Connection, wanted: ModelFilter, shown: int) -> int:
    """Returns how many results there are on all pages, `_MOST_COUNTED` at the most."""
    if wanted.page == 1 and shown < _TREND_LENGTH:
        return shown
    return result_lookup.trend_length(connection, wanted.model_id, _MOST_COUNTED, **wanted.narrow)


def _trend(engine: Engine, model_id: str) -> list[TrendPoint]:
    with reading(engine) as connection:
        return result_lookup.trend(connection, model_id, _TREND_LENGTH)
