"""What a real MLflow server holds, read through its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True)
class HeldRun:
    """One run, its lists turned into dictionaries."""

    id: str
    name: str
    status: str
    start_time_ms: int
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


def runs_of(uri: str, experiment: str, view: str = "ALL") -> list[HeldRun]:
    """Every run of the experiment; deleted ones too, unless `view` is ACTIVE_ONLY."""
    with httpx2.Client(base_url=f"{uri}/api/2.0/mlflow", timeout=240) as client:
        found = client.get("experiments/get-by-name", params={"experiment_name": experiment})
        query = {
            "experiment_ids": [found.json()["experiment"]["experiment_id"]],
            "run_view_type": view,
            "max_results": 1000,
        }
        return [_held(run) for run in _pages(client, query)]


def _pages(client: httpx2.Client, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    token = ""
    while token is not None:
        page = {**query, "page_token": token} if token else query
        reply = client.post("runs/search", json=page).raise_for_status().json()
        yield from reply.get("runs", [])
        token = reply.get("next_page_token")


def _held(run: dict[str, Any]) -> HeldRun:
    info, data = run["info"], run["data"]
    return HeldRun(
        id=info["run_id"],
        name=info["run_name"],
        status=info["status"],
        start_time_ms=int(info["start_time"]),
        metrics={m["key"]: float(m["value"]) for m in data.get("metrics", [])},
        params={p["key"]: p["value"] for p in data.get("params", [])},
        tags={t["key"]: t["value"] for t in data.get("tags", [])},
    )
