"""Says which extra to install by pip where a package is missing that a base install leaves out.

A base install holds what a producer needs: to save results, and to look up their runs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from fairmind_sync.errors import ExtraNotInstalledError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = "fairmind_sync"


def imported_with_daemon(what: str) -> AbstractContextManager[None]:
    """Lets a block import what the extra `daemon` brings, as `imported_with` does."""
    return imported_with("daemon", what)


@contextmanager
def imported_with(extra: str, what: str) -> Iterator[None]:
    """Lets a block import what the extra brings; `what` is the part of ours that needs it.

    Raises:
        ExtraNotInstalledError: a package is not installed; the message names the pip command.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or _OURS).partition(".")[0]
        if package == _OURS:
            raise
        raise ExtraNotInstalledError(
            f"{what} needs {package}, which a base install leaves out. "
            f"Run: pip install 'fairmind-sync[{extra}]'"
        ) from error
