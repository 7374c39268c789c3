"""The providers that a result can be owed to."""

from __future__ import annotations

from typing import Literal, TypeAlias

ProviderName: TypeAlias = Literal["wandb", "mlflow"]

PROVIDERS: tuple[ProviderName, ...] = ("wandb", "mlflow")
"""In the order in which they are written everywhere."""
