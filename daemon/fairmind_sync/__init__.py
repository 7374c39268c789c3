"""Delivers FairMind's bias-test results to Weights & Biases and MLflow.

`bias_test_results` saves and reads results; `mlops_integration` looks up their runs.
Both modules load on first use, so that `import fairmind_sync` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from fairmind_sync import bias_test_results, mlops_integration

__version__ = "0.1.0"
__all__ = ["__version__", "bias_test_results", "mlops_integration"]


def __getattr__(name: str) -> ModuleType:
    if name in ("bias_test_results", "mlops_integration"):
        return import_module(f"fairmind_sync.{name}")
    raise AttributeError(f"module 'fairmind_sync' has no attribute {name!r}")
