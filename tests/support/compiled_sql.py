"""All databases of a process's tests share what SQLAlchemy has compiled; a user's process has one engine.

A test has a database and an engine of its own, and would compile each statement anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.util import immutabledict

_MOST = 5_000


class _SharedSql(dict[Any, Any]):
    """SQLAlchemy's key begins with an engine's dialect; one is as good here as another of its kind."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_any_engine(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self) >= _MOST:
            self.clear()
        super().__setitem__(_of_any_engine(key), compiled)


def _of_any_engine(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A dialect that has not met its server yet compiles otherwise than one that has."""
    dialect = key[0]
    met = getattr(dialect, "server_version_info", None)
    return (type(dialect), dialect.dbapi, dialect.paramstyle, met, key[1:])


def share() -> None:
    """From here on, once for all; engines that are open already do so, too."""
    if "compiled_cache" not in Engine._execution_options:
        Engine._execution_options = immutabledict({"compiled_cache": _SharedSql()})
