"""What can be traced of a delivery, as calls that do nothing: it takes spans where traces are off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from fairmind_sync.results.delivery import Delivery, Enqueued

Answered: TypeAlias = Callable[[int], None]
"""Gets the status that a request was answered with."""
_NOTHING = nullcontext()
_IGNORING: AbstractContextManager[Answered] = nullcontext(lambda _status: None)


class Untraced:
    """Takes what happens to deliveries, in the order of the flow; times are nanoseconds, as of `now`."""

    is_on = False

    def called_by(self, _traceparent: str | None) -> AbstractContextManager[None]:
        """Has saves in the block belong to a caller that is another process, by its W3C trace context.

        What names no span is ignored, and so is a caller where the block is in a span already.
        """
        return _NOTHING

    def saved(self, deliveries: Iterable[Enqueued], began: int) -> None:
        """Notes deliveries that a save made, which began at `began` and is committed."""

    def claimed(self, deliveries: Iterable[Delivery], began: int) -> None:
        """Begins an attempt for each delivery, which ends with `recorded` or `left`."""

    def working_on(self, _delivery: Delivery) -> AbstractContextManager[None]:
        """Has what this thread does in the block belong to the delivery's attempt."""
        return _NOTHING

    def request(
        self, _method: str, _what: str, _server: str, _path: str = ""
    ) -> AbstractContextManager[Answered]:
        """Notes the block as a request of the attempt that this thread works on; outside of one, nothing.

        The block gets what to call with the answer's status. Of a server's address only the host is kept.
        """
        return _IGNORING

    def request_for_all(self, _what: str, _keys: Iterable[str]) -> AbstractContextManager[None]:
        """Notes the block as a request of each attempt under way whose delivery has one of the keys."""
        return _NOTHING

    def recorded(
        self, deliveries: Iterable[Delivery], began: int, outcome: str, error_kind: str = ""
    ) -> None:
        """Ends attempts whose outcome was written by a transaction that began at `began`."""

    def left(self) -> None:
        """Ends the attempts that are still open: their deliveries were given back."""

    def end(self) -> None:
        """Sends what waits, for a moment."""
