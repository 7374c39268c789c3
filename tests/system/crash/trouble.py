"""Orders for `injected/sitecustomize.py`, as environment variables for the processes under test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SOON = {
    "fairmind_sync.backoff:FIRST_DELAY": 0.2,
    "fairmind_sync.providers.mlflow.provider:GRACE": 2,
}
"""What is waited for in these tests. The times within which a worker has to be done are those of real life: a
healthy worker on a busy machine must not look hung. A test that needs a lease to run out lets it run out."""
SHORT_LEASES = SOON | {
    "fairmind_sync.relay.loop:LEASE": 20,
    "fairmind_sync.relay.loop:BATCH_TIME": 18,
    "fairmind_sync.relay.batch:START_TIME": 3,
    "fairmind_sync.relay.batch:CLAIM_TIME": 1.5,
}
"""Where leases are lost at moments that no test chooses."""


POINTS = (
    "after claim",
    "after 'create attempted'",
    "after create, before its id is stored",
    "in the middle of the evidence",
    "in the middle of a batch",
    "after the last call, before record",
    "during record",
)
"""The steps of a delivery at which somebody may be killed, or fall asleep."""


def at_point(point: str, provider: str, victim: str, number: str, place: Path) -> dict[str, str]:
    """The order to send a signal ('KILL', 'STOP') to a worker or its daemon, the first time it gets there."""
    marker = str(place / "signalled")
    return {
        "point": point,
        "provider": provider,
        "victim": victim,
        "number": number,
        "marker": marker,
    }


def troubled(**trouble: Any) -> dict[str, str]:
    return {
        "PYTHONPATH": str(Path(__file__).parent / "injected"),
        "FAIRMIND_TEST_TROUBLE": json.dumps({"times": SOON, **trouble}),
    }
