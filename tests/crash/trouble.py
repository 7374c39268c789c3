"""Orders for `injected/sitecustomize.py`, as environment variables for the processes under test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHORT_TIMES = {
    "fairmind_sync.relay:LEASE": 4,
    "fairmind_sync.relay:BATCH_TIME": 3.5,
    "fairmind_sync.relay:START_TIME": 2,
    "fairmind_sync.backoff:FIRST_DELAY": 0.2,
    "fairmind_sync.providers.mlflow.provider:GRACE": 2,
}
"""So that a lost lease costs a test seconds; the proportions stay."""


def troubled(**trouble: Any) -> dict[str, str]:
    return {
        "PYTHONPATH": str(Path(__file__).parent / "injected"),
        "FAIRMIND_TEST_TROUBLE": json.dumps({"times": SHORT_TIMES, **trouble}),
    }
