"""MLflow's package for tests, imported once a test asks: the import takes seconds, and starts a process."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any


class MlflowPackage:
    """Modules that stand on MLflow's package."""

    def of_ours(self, name: str) -> Any:
        """The module of that name in the product's folder for MLflow."""
        return self._imported(f"fairmind_sync.providers.mlflow.{name}")

    def exceptions(self) -> Any:
        return self._imported("mlflow.exceptions")

    def _imported(self, name: str) -> ModuleType:
        return importlib.import_module(name)


class NotedClient:
    """In the place of MLflow's client: notes each call, and answers by the call's name, or raises that."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[Any] = []
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        def called(*given: object, **named: object) -> Any:
            self.asked.append((name, *map(plain, given), *([plain(named)] if named else [])))
            answer = self.answers.get(name)
            if isinstance(answer, list):
                answer = answer.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return called


def plain(value: object) -> Any:
    """MLflow's entities as dictionaries."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if type(value).__module__.startswith("mlflow.") and hasattr(value, "__iter__"):
        value = dict(value)
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return value
