"""A folder of FairMind's own result files, and its import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairmind_sync.intake.fairmind_files import ImportReport, import_all, result_files
from fairmind_sync.settings import Settings
from tests.support.databases import store_of

RECORD: dict[str, Any] = {
    "id": "t1",
    "user_id": "alice",
    "model_id": "model-1",
    "dataset_id": "dataset-1",
    "test_type": "ml_bias",
    "timestamp": "2026-01-02T03:04:05+01:00",
    "overall_risk": "high",
    "metrics_passed": 3,
    "metrics_failed": 1,
    "results": {"accuracy": 0.85},
    "summary": "fine",
    "recommendations": [],
    "metadata": {"by": "hand"},
}


def put(folder: Path, name: str = "alice/t1.json", **changes: Any) -> Path:
    return put_text(folder, json.dumps(RECORD | changes), name)


def put_text(folder: Path, text: str, name: str = "alice/t1.json") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return file


def imported(path: Path, to: Settings) -> ImportReport:
    return import_all(store_of(to), result_files(path), to.owed, to.private_fields)
