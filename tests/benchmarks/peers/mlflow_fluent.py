"""What FairMind did inline: MLflow's fluent API, one call a value."""

from __future__ import annotations

import sys

import mlflow

from tests.benchmarks.content import METRICS, PARAMS, TAGS
from tests.benchmarks.peers import order


def log(runs: int) -> None:
    for _ in range(runs):
        with mlflow.start_run(run_name="a run"):
            for key, value in TAGS.items():
                mlflow.set_tag(key, value)
            for key, value in PARAMS.items():
                mlflow.log_param(key, value)
            for key, number in METRICS.items():
                mlflow.log_metric(key, number)


if __name__ == "__main__":
    mlflow.set_tracking_uri(sys.argv[1])
    if sys.argv[2:]:
        mlflow.set_experiment(sys.argv[2])
    order.take(log)
