"""What FairMind did inline: a W&B run after the other, with the SDK's default settings.

With `files`, each run has the evidence of a usual result, too: a page and a file. The SDK's table would be
an artifact, which the stand-in doesn't know, and eight requests more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import wandb

from tests.benchmarks.content import EVIDENCE, METRICS, PARAMS, TAGS
from tests.benchmarks.peers import order


def log(runs: int, *, files: bool = False) -> None:
    for _ in range(runs):
        run = wandb.init(
            project="plain", name="a run", config=dict(PARAMS), tags=list(TAGS.values())
        )
        run.log({**METRICS, **(_page() if files else {})})
        if files:
            file = Path(run.dir) / "result.json"
            file.write_bytes(EVIDENCE["result.json"])
            run.save(str(file), base_path=run.dir, policy="now")
        run.finish()


def _page() -> dict[str, Any]:
    return {"report": wandb.Html(EVIDENCE["report.html"].decode(), inject=False)}


if __name__ == "__main__":
    order.take(log)
