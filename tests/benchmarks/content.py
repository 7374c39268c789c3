"""A FairMind result of usual size, and the same as a peer logs it: 8 parameters, 12 metrics, 3 tags."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from fairmind_sync.evidence.files import evidence_of
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.results.delivery import NewResult, SavedResult
from fairmind_sync.settings import Settings

NOW_MS = 1_772_600_000_000
RESULTS = {
    "accuracy": 0.85,
    "bias_score": 0.12,
    "demographic_parity": {"men": 0.61, "women": 0.54, "ratio": 0.885},
    "equalized_odds": {"true_positive_gap": 0.043, "false_positive_gap": 0.021},
    "group_accuracy": {"men": 0.86, "women": 0.84},
    "scores": [0.41, 0.52, 0.63],
}
METADATA = {
    "model_type": "classification",
    "framework": "scikit-learn",
    "version": "1.4.2",
    "rows": 3000,
    "protected_attributes": ["gender", "race"],
}
RUN_NAME = "credit-scoring-v3 - ml_bias - test-1"
METRICS = {f"group/metric_{number}": number / 13 for number in range(12)}
PARAMS = {f"param_{number}": f"value {number}" for number in range(8)}
TAGS = {
    "test_type": "ml_bias",
    "model_id": "credit-scoring-v3",
    "project": "fairmind-bias-detection",
}
MORE_TAGS = {
    "fairmind.delivery_key": "0123456789abcdef0123456789abcdef",
    "mlflow.source.name": "fairmind-sync",
    "mlflow.source.type": "JOB",
    "mlflow.note.content": f"Bias test **{RUN_NAME}** of model **credit-scoring-v3**",
}
"""What we send to MLflow besides, and the raw requests too."""


SAVED = SavedResult(
    test_id="test-1",
    user_id="",
    revision=1,
    model_id="credit-scoring-v3",
    dataset_id="",
    test_type="ml_bias",
    results=RESULTS,  # type: ignore[arg-type]  # dict is invariant
    metadata=METADATA,  # type: ignore[arg-type]  # as above
    created_at=datetime.fromtimestamp(NOW_MS / 1000, UTC),
)
EVIDENCE = {file.name: file.content for file in evidence_of(SAVED).files}


def results(numbers: Iterable[int], to: Settings) -> list[NewResult]:
    return [
        prepare(
            f"test-{number}",
            None,
            "credit-scoring-v3",
            None,
            "ml_bias",
            RESULTS,
            METADATA,
            private_fields=to.private_fields,
        )
        for number in numbers
    ]
