"""Where a service keeps runs' files: a store that may take none, fail, or forget, for a time or for ever."""

from __future__ import annotations

from dataclasses import dataclass

OFF, FORGETS = "off", "forgets"
"""An MLflow server that serves no artifacts; a store that takes a file without a word, and hasn't it then."""
FOR_EVER = float("inf")


class StoreOffError(Exception):
    """The service was started without a store."""


class StoreFailedError(Exception):
    """The store answers with an HTTP status that means no success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the store answers {status}")
        self.status = status


@dataclass
class FileStore:
    """Until `until` all that is stored meets the trouble: `OFF`, `FORGETS`, or an HTTP status."""

    trouble: str = ""
    until: float = 0.0

    def begin(self, trouble: str, until: float) -> None:
        self.trouble, self.until = trouble, max(until, self.until)

    def calm(self, now: float) -> None:
        """Ends what doesn't last for ever."""
        if self.until < FOR_EVER:
            self.until = min(self.until, now)

    def is_well(self, now: float) -> bool:
        return now >= self.until

    def keeps(self, now: float) -> bool:
        """Whether a file that is taken now is there afterwards.

        Raises:
            StoreOffError: there is no store.
            StoreFailedError: it takes none now.
        """
        if self.is_well(now):
            return True
        if self.trouble == OFF:
            raise StoreOffError
        if self.trouble == FORGETS:
            return False
        raise StoreFailedError(int(self.trouble))
