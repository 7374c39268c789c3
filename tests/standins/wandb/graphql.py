"""The GraphQL operations that the SDK and its public API send, answered from the store."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.standins.wandb.state import StandInRun, Store


class DeletedRunError(Exception):
    """The id belonged to a run that a user deleted: the service refuses it for ever."""


class RefusedError(Exception):
    """The service takes no runs of this key in this project; with status and words."""


def kind_of(query: str, values: dict[str, Any]) -> str:
    """What faults and counts call it: `upsert_finish` is a later upsert, which names no run anew."""
    kind = _operation(query)
    return "upsert_finish" if kind == "upsert" and values.get("displayName") is None else kind


def _operation(query: str) -> str:
    for mark, kind in (
        ("upsertBucket", "upsert"),
        ("RunResumeStatus", "resume_status"),
        ("createRunFiles", "create_files"),
        ("deleteRun", "delete"),
        ("runs(", "read_back"),
        ("viewer", "viewer"),
    ):
        if mark in query:
            return kind
    return "other"


def answer(store: Store, query: str, values: dict[str, Any], base_url: str) -> dict[str, Any]:
    """The operation's data.

    Raises:
        DeletedRunError: an upsert of a deleted run's id.
        RefusedError: an upsert that the store refuses.
    """
    answers: dict[str, Callable[[], dict[str, Any]]] = {
        "upsert": lambda: _upsert(store, values),
        "resume_status": lambda: _resume_status(store, values),
        "create_files": lambda: _create_files(values, base_url),
        "read_back": lambda: _read_back(store, values),
        "delete": lambda: _delete(store, values),
        "viewer": lambda: _look(store, query, values),
        "other": lambda: {"serverInfo": _server_info()},
    }
    return answers[_operation(query)]()


def _delete(store: Store, values: dict[str, Any]) -> dict[str, Any]:
    store.delete(values["id"].removeprefix("bucket-"))
    return {"deleteRun": {"clientMutationId": None}}


def _look(store: Store, query: str, values: dict[str, Any]) -> dict[str, Any]:
    seen = {"viewer": _viewer(store), "serverInfo": _server_info()}
    return seen | ({"project": _seen(store, values)} if "project(" in query else {})


def _upsert(store: Store, values: dict[str, Any]) -> dict[str, Any]:
    if store.refusal is not None and store.refuses(values["name"]):
        raise RefusedError(*store.refusal)
    if values["name"] in store.deleted:
        raise DeletedRunError
    run, is_new = store.upsert(values)
    return {"upsertBucket": {"bucket": _bucket(run), "inserted": is_new}}


def _seen(store: Store, values: dict[str, Any]) -> dict[str, Any] | None:
    entity = values.get("entity") or store.default_entity
    is_there = (entity, values["project"]) in store.projects
    return {"readOnly": store.is_read_only} if is_there or store.is_read_only else None


def _resume_status(store: Store, values: dict[str, Any]) -> dict[str, Any]:
    entity = values.get("entity") or store.default_entity
    run = store.runs.get(values["name"])
    bucket = None if run is None else _bucket(run) | _tails(run)
    return {"model": _project(entity, values["project"]) | {"bucket": bucket}}


def _create_files(values: dict[str, Any], base_url: str) -> dict[str, Any]:
    run, names = values["run"], values["files"]
    files = [{"name": name, "uploadUrl": f"{base_url}/put/{run}/{name}"} for name in names]
    return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": files}}


def _read_back(store: Store, values: dict[str, Any]) -> dict[str, Any]:
    entity, project = values["entity"], values["project"]
    if (entity, project) not in store.projects:
        return {"project": None}
    filters = json.loads(values.get("filters") or "{}")
    found = store.find(entity, project, filters.get("name", {}).get("$in"))
    if (test_id := filters.get("config.test_id")) is not None:
        found = [run for run in found if _has(run, test_id, filters["state"])]
    return {
        "project": {
            "internalId": "1",
            "runCount": len(found),
            "readOnly": False,
            "runs": {
                "edges": [{"node": _node(run), "cursor": run.id} for run in found],
                "pageInfo": {"endCursor": None, "hasNextPage": False},
            },
        }
    }


def _has(run: StandInRun, test_id: str, state: str) -> bool:
    config = json.loads(run.config_json or "{}")
    return run.state == state and config.get("test_id", {}).get("value") == test_id


def _project(entity: str, name: str) -> dict[str, Any]:
    return {"id": "project", "name": name, "entity": {"id": "entity", "name": entity}}


def _bucket(run: StandInRun) -> dict[str, Any]:
    return {
        "id": f"bucket-{run.id}",
        "name": run.id,
        "displayName": run.display_name,
        "description": None,
        "config": run.config_json,
        "sweepName": run.sweep,
        "project": _project(run.entity, run.project),
        "historyLineCount": len(run.history_lines),
    }


def _tails(run: StandInRun) -> dict[str, Any]:
    last = [line for _, line in sorted(run.history_lines.items())][-1:]
    return {
        "summaryMetrics": run.summary_json,
        "logLineCount": 0,
        "eventsLineCount": 0,
        "historyTail": json.dumps(last),
        "eventsTail": "[]",
        "tags": run.tags,
        "notes": None,
        "wandbConfig": json.dumps({"t": run.telemetry}),
    }


def _node(run: StandInRun) -> dict[str, Any]:
    return _bucket(run) | {
        "projectId": "1",
        "tags": run.tags,
        "state": run.state,
        "group": run.group,
        "jobType": run.job_type,
        "commit": None,
        "readOnly": False,
        "createdAt": run.created_at,
        "heartbeatAt": run.created_at,
        "notes": run.notes,
        "systemMetrics": "{}",
        "summaryMetrics": run.summary_json,
        "user": {"name": "stand-in", "username": "stand-in"},
        "historyKeys": None,
        "files": {"edges": [{"node": _file(name, held)} for name, held in run.files.items()]},
    }


def _file(name: str, held: bytes) -> dict[str, Any]:
    md5 = base64.b64encode(hashlib.md5(held, usedforsecurity=False).digest()).decode()
    return {"name": name, "sizeBytes": len(held), "md5": md5}


def _viewer(store: Store) -> dict[str, Any]:
    entity = store.viewer_entity
    return {
        "id": "viewer",
        "entity": entity,
        "username": entity or "service",
        "email": "",
        "flags": "{}",
        "admin": False,
        "teams": {"edges": [{"node": {"name": store.default_entity}}]},
    }


def _server_info() -> dict[str, Any]:
    return {"features": [], "cliVersionInfo": {}, "latestLocalVersionInfo": None}
