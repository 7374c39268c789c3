"""What arrives at MLflow and at W&B of each typical result, whole, as JSON files beside this module.

`python -m tests.providers.snapshots` writes the files anew, from what the providers' `content_of` promises;
`git diff` shows then what users would see change. Values that differ each time stand there as names such as
`<delivery key>`, and long texts as their beginning, their length and their digest.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import httpx2

from fairmind_sync.evidence.files import evidence_of
from fairmind_sync.providers.mlflow import content as mlflow_content
from fairmind_sync.providers.mlflow.run_evidence import DIGEST_TAG, tags_of
from fairmind_sync.providers.wandb import content as wandb_content
from fairmind_sync.providers.wandb.content import PROOF
from fairmind_sync.results.delivery import Delivery, NewResult
from fairmind_sync.results.evidence_states import ALL_STORED
from tests.providers.typical_results import SAVED_AT
from tests.standins.wandb import StandInRun
from tests.support.evidence_held import at_mlflow
from tests.support.values import delivery

Snapshot: TypeAlias = dict[str, Any]

PROJECT = "fairmind-bias-detection"
_HERE = Path(__file__).parent
_LONGEST = 300
_EXACT = 2**53
_KEY, _SECONDS, _DIGEST = "<delivery key>", "<seconds>", "<digest>"
_OF_A_FILE = ("sha256", "size")
"""What a pointer says of its file, whose bytes other tests compare."""


def path_of(provider: str, name: str) -> Path:
    return _HERE / provider / f"{name}.json"


def text_of(snapshot: Snapshot) -> str:
    """As it stands in the file."""
    return json.dumps(_legible(snapshot), indent=1, sort_keys=True, allow_nan=False) + "\n"


def promised(provider: str, new: NewResult) -> Snapshot:
    """What `content_of` says that arrives of this result."""
    return {"mlflow": _promised_to_mlflow, "wandb": _promised_to_wandb}[provider](_delivery(new))


def arrived_at_mlflow(uri: str, experiment: str) -> dict[str, Snapshot]:
    """What a real server holds, by test id."""
    with httpx2.Client(base_url=f"{uri}/api/2.0/mlflow", timeout=240) as client:
        found = client.get("experiments/get-by-name", params={"experiment_name": experiment})
        query = {"experiment_ids": [found.json()["experiment"]["experiment_id"]]}
        runs = client.post("runs/search", json=query).raise_for_status().json()["runs"]
    return {
        _pairs(run["data"]["params"])["test_id"]: _mlflow_run(run)
        | {"evidence": sorted(at_mlflow(uri, run["info"]["run_id"]))}
        for run in runs
    }


def arrived_at_wandb(run: StandInRun) -> Snapshot:
    """What the stand-in holds of a run."""
    return {
        "name": run.display_name,
        "project": run.project,
        "state": run.state,
        "config": run.config,
        "history": [_without_seconds(row) for row in run.history],
        "summary": _without_digest(_without_seconds(run.summary)),
        "tags": sorted(run.tags),
        "group": run.group,
        "job_type": run.job_type,
        "notes": run.notes,
        "files": sorted(run.files),
    }


def _delivery(new: NewResult) -> Delivery:
    saved = delivery(
        test_id=new.test_id,
        user_id=new.user_id,
        model_id=new.model_id,
        dataset_id=new.dataset_id,
        test_type=new.test_type,
        results=json.loads(new.results),
        metadata=json.loads(new.metadata),
        created_at=SAVED_AT,
    )
    return replace(saved, key=_KEY)


def _promised_to_mlflow(owed: Delivery) -> Snapshot:
    made = mlflow_content.content_of(owed, PROJECT)
    evidence = evidence_of(owed.result)
    tags = {tag.key: tag.value for tag in tags_of(evidence, ALL_STORED)}
    at = round(made.started_at.timestamp() * 1000)
    return {
        "name": made.name,
        "status": "FINISHED",
        "start_time": at,
        "end_time": at,
        "metrics": {point.key: point.value for point in made.points},
        "metrics_at": sorted({(point.timestamp_ms, 0) for point in made.points}),
        "params": made.params,
        "tags": made.tags | tags | {"mlflow.runName": made.name, DIGEST_TAG: _DIGEST},
        "evidence": sorted(file.name for file in evidence.files),
    }


def _mlflow_run(run: Mapping[str, Any]) -> Snapshot:
    info, data = run["info"], run["data"]
    metrics = data.get("metrics", [])
    tags = _pairs(data["tags"])
    return {
        "name": info["run_name"],
        "status": info["status"],
        "start_time": int(info["start_time"]),
        "end_time": int(info["end_time"]),
        "metrics": {one["key"]: float(one["value"]) for one in metrics},
        "metrics_at": sorted({(int(one["timestamp"]), int(one["step"])) for one in metrics}),
        "params": _pairs(data["params"]),
        "tags": tags | {mlflow_content.DELIVERY_KEY_TAG: _KEY, DIGEST_TAG: _DIGEST},
    }


def _promised_to_wandb(owed: Delivery) -> Snapshot:
    made = wandb_content.content_of(owed, PROJECT)
    row = {**made.row, "_step": 0, "_runtime": _SECONDS} if made.row else {}
    return {
        "name": made.name,
        "project": PROJECT,
        "state": "finished",
        "config": {
            key: value for key, value in made.config.items() if value != {}
        },  # the SDK drops it
        "history": [row] if row else [],
        "summary": _without_digest({**row, **made.summary, "_runtime": _SECONDS}),
        "tags": sorted(made.tags),
        "group": made.group,
        "job_type": made.job_type,
        "notes": made.description,
        "files": sorted(made.files.contents),
    }


def _without_seconds(row: Mapping[str, Any]) -> Snapshot:
    told = {key: value for key, value in row.items() if key != "_wandb"}
    return told | ({"_runtime": _SECONDS} if "_runtime" in row else {})


def _without_digest(summary: Snapshot) -> Snapshot:
    """Without what also changes with the report's looks."""
    return summary | {PROOF: summary[PROOF] | {"digest": _DIGEST}}


def _pairs(entries: list[dict[str, str]]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in entries}


def _legible(value: Any) -> Any:
    """As strict JSON of moderate size."""
    match value:
        case dict():
            left_out = _OF_A_FILE if "_type" in value else ()
            return {
                _legible(key): _legible(item) for key, item in value.items() if key not in left_out
            }
        case list() | tuple():
            return [_legible(item) for item in value]
        case float() if not math.isfinite(value):
            return f"<{value}>"
        case float() if (
            value.is_integer() and abs(value) < _EXACT
        ):  # JSON writers differ in 1 and 1.0
            return int(value)
        case str() if len(value) > _LONGEST:
            digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
            return f"{value[:60]}<{len(value)} characters, {digest[:16]}>"
        case _:
            return value
