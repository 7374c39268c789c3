"""Joins the routers of all pages into one."""

from __future__ import annotations

from fastapi import APIRouter

from fairmind_sync.api.pages import (
    action_pages,
    api_docs,
    deliveries_page,
    model_pages,
    operator_page,
    overview_page,
    result_page,
    sign_in_page,
)

router = APIRouter()
for _pages in (
    overview_page,
    deliveries_page,
    action_pages,
    result_page,
    model_pages,
    operator_page,
    api_docs,
    sign_in_page,
):
    router.include_router(_pages.router)
