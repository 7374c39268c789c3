"""The names of the providers (wandb, mlflow, undecided), and sentences made of them for messages.

A new provider is one folder, `providers/<name>`, and its name in `PROVIDERS`.
"""

from __future__ import annotations

from typing import TypeAlias

ProviderName: TypeAlias = str
"""One of `PROVIDERS`."""

PROVIDERS: tuple[ProviderName, ...] = ("wandb", "mlflow")
"""The order in which providers are listed everywhere."""

UNDECIDED: ProviderName = "undecided"
"""Stands in a delivery for the providers of a result that was saved while MLOPS_PROVIDER made no sense."""


def either(*names: str) -> str:
    """'a, b or c', as a message lists what may be given."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


NOT_AVAILABLE = "MLOps integration not available"
"""The words that FairMind's document tells people to look for where nothing can be delivered."""
ENABLE_ONE = f"Set MLOPS_PROVIDER to {either(*PROVIDERS, 'both')}."
"""What to do where no provider is enabled."""
