"""The database of the transcripts: results of three models, delivered, dead, and on their way."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import Engine

from fairmind_sync.outbox import claims, outcomes, provider_state, saving
from fairmind_sync.results.delivery import Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import new_result

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
_RUN_ID = "0f3a9c5e" * 4
_TOO_LARGE = "Param value has length 7000, which exceeds 6000"
_GROUPS = {"selection_rate": {"female": 0.31, "male": 0.52}, "accuracy": 0.87}
_ADVICE = {"recommendations": ["Collect more applications of women."]}
_RESULTS = (
    ("credit-2026-q1", "credit-risk", {**_GROUPS, **_ADVICE, "risk_level": "high"}),
    ("hiring-2026-q1", "hiring", {"accuracy": 0.91, "risk_level": "low"}),
    ("credit-2026-q2", "credit-risk", {**_GROUPS, "risk_level": "critical"}),
)


def fill(engine: Engine) -> None:
    """Three results, a day between each; at MLflow one is delivered, one dead; W&B is out of reach."""
    for number, (test_id, model_id, results) in enumerate(_RESULTS):
        at = NOW - timedelta(days=len(_RESULTS) - number, minutes=7)
        judged = {"metrics_passed": 3 - number, "metrics_failed": number}
        new = new_result(
            test_id=test_id, user_id="ann", model_id=model_id, results=results | judged
        )
        with writing(engine) as connection:
            saving.save(connection, new, ("wandb", "mlflow"), at)
    at = NOW - timedelta(days=1)
    with writing(engine) as connection:
        first, second = claims.claim(
            connection, "mlflow", limit=2, lease=timedelta(seconds=50), worker="host:1", now=at
        )
        run = Run(_RUN_ID, f"https://mlflow.example.com/#/experiments/12/runs/{_RUN_ID}")
        outcomes.record_delivered(connection, first, run, "https://mlflow.example.com 12", at)
        outcomes.record_dead(connection, second, ErrorKind.TOO_LARGE, _TOO_LARGE, at)
        provider_state.note_success(connection, "mlflow", at)
        provider_state.note_offline(
            connection,
            "wandb",
            "W&B at https://api.wandb.ai can't be reached: Connection refused",
            after=timedelta(),
            chance=Random(1),
            now=NOW - timedelta(minutes=9),
        )


def write_files(place: Path) -> None:
    """What `save` and `import` take, and the keys of a site that is always the same."""
    keys = place / "fairmind-sync.db.site-key"
    keys.touch(mode=0o600)
    keys.write_text(f"fairmind-site-key-1 {b64encode(bytes(range(64, 128))).decode()}\n")
    line = {"test_id": "loans-2026", "model_id": "loans", "test_type": "ml_bias"}
    (place / "results.jsonl").write_text(json.dumps(line | {"results": {"accuracy": 0.85}}))
    folder = place / "test_results" / "ann"
    folder.mkdir(parents=True)
    record = {"id": "old-test", "model_id": "hiring", "test_type": "ml_bias", "results": {"n": 1}}
    (folder / "old-test.json").write_text(json.dumps(record))
    (folder / "broken.json").write_text("[]")
