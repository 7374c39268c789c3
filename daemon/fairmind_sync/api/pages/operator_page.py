"""The page of operators: who did what and when, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from fairmind_sync.api.context import CurrentSettings, Store
from fairmind_sync.api.pages.rendering import link, render
from fairmind_sync.outbox import operator_log
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID
from fairmind_sync.storage.engine import current_time, reading

router = APIRouter(include_in_schema=False)

_PAGE_SIZE = 50


@router.get("/operators")
def operators(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> HTMLResponse:
    with reading(engine) as connection:
        found = operator_log.newest(connection, _PAGE_SIZE + 1, before)
    page = found[:_PAGE_SIZE]
    older = link("/operators", before=page[-1].id) if len(found) > _PAGE_SIZE else None
    now = current_time(engine)
    return render(request, "operators.html", settings, now=now, actions=page, older=older)
