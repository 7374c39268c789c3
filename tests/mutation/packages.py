"""The packages that are mutated, and the tests that have to notice."""

from __future__ import annotations

from tests.mutation.workspace import Package

_MODELS = (
    "tests/simulation/test_mlflow_model.py",
    "tests/simulation/test_mlflow_model_faults.py",
    "tests/simulation/test_wandb_model.py",
)

PACKAGES = {
    package.name: package
    for package in (
        Package("results", ("results/*",), ("tests/results", "tests/evidence")),
        Package(
            "outbox",
            ("outbox/*",),
            ("tests/outbox",),
            without=("test_state_machine",),
        ),
        Package("handover", ("handover/*",), ("tests/handover",), without=("test_state_machine",)),
        Package("relay", ("relay/*",), ("tests/relay",)),
        Package(
            "providers",
            ("providers/*",),
            ("tests/providers", *_MODELS),
            imported=(
                "fairmind_sync.providers.wandb.sdk",
                "fairmind_sync.providers.mlflow.client_runs",
                "fairmind_sync.providers.mlflow.databricks",
                "tests.providers.model_subjects",
            ),
        ),
    )
}
