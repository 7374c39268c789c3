"""Writes every snapshot anew."""

from __future__ import annotations

from tests.providers.snapshots import path_of, promised, text_of
from tests.providers.typical_results import TYPICAL, typical_result

for provider in ("mlflow", "wandb"):
    for name in TYPICAL:
        snapshot = promised(provider, typical_result(name))
        path_of(provider, name).write_text(text_of(snapshot), encoding="ascii")
