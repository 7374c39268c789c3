"""The names of the providers that a result can be owed to.

A new provider is one folder, `providers/<name>`, and its name in `PROVIDERS`.
"""

from __future__ import annotations

from typing import TypeAlias

ProviderName: TypeAlias = str
"""One of `PROVIDERS`."""

PROVIDERS: tuple[ProviderName, ...] = ("wandb", "mlflow")
"""The order in which providers are listed everywhere."""
