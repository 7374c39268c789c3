"""What FairMind did inline: a W&B run after the other, with the SDK's default settings."""

from __future__ import annotations

import wandb

from tests.benchmarks.content import METRICS, PARAMS, TAGS
from tests.benchmarks.peers import order


def log(runs: int) -> None:
    for _ in range(runs):
        run = wandb.init(
            project="plain", name="a run", config=dict(PARAMS), tags=list(TAGS.values())
        )
        run.log(METRICS)
        run.finish()


if __name__ == "__main__":
    order.take(log)
