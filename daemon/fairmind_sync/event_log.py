"""Gives each module its logger, whose structlog is imported and set
up with the first event only; `logs` has the set-up.

structlog takes a quarter as long to import as SQLAlchemy, and most processes of the command line log nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class _Pending:
    """What sets structlog up before the next event; None once that is done."""

    lock = threading.Lock()
    set_up: Callable[[], None] | None = None


class _Logger:
    """Looks like structlog's logger."""

    def __getattr__(self, name: str) -> Any:
        with _Pending.lock:
            set_up, _Pending.set_up = _Pending.set_up, None
            if set_up is not None:
                set_up()
        import structlog

        return getattr(structlog.get_logger(), name)


def get_logger() -> FilteringBoundLogger:
    """Returns a logger for a module: `log.info("subject.what_happened", name=value)`."""
    return cast("FilteringBoundLogger", _Logger())


def set_up_by(set_up: Callable[[], None]) -> None:
    """Has `set_up` configure structlog before the next event, in the place of an earlier one that waits."""
    with _Pending.lock:
        _Pending.set_up = set_up
