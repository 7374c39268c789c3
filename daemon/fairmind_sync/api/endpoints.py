"""Joins the REST endpoints under `/api/v1/mlops`, for our own app and for a backend that mounts the router.

app = FastAPI()
app.include_router(fairmind_sync.api.router)
"""

from __future__ import annotations

from fastapi import APIRouter

from fairmind_sync.api import deliveries, document

router = APIRouter(prefix="/api/v1/mlops", tags=["mlops"])
router.include_router(document.router)
router.include_router(deliveries.router)
