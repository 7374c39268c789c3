"""Fills a bundle with results, the oldest first, until it is full."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from fairmind_sync.errors import BundleError
from fairmind_sync.handover import carried
from fairmind_sync.handover.unsigned_bundle import EntryTooLargeError, UnsignedBundle
from fairmind_sync.outbox import hand_overs
from fairmind_sync.outbox.hand_overs import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from fairmind_sync.outbox.hand_overs import OutgoingDelivery


@dataclass(slots=True)
class Filling:
    """What a bundle holds; `left_out` counts deliveries of results that are too large for any bundle."""

    sent: list[OutgoingDelivery] = field(default_factory=list)
    results: int = 0
    too_large: list[str] = field(default_factory=list)
    left_out: int = 0
    without_room: str = ""


def fill(
    connection: Connection, unsigned: UnsignedBundle, ids: Sequence[int], site: str, now: datetime
) -> Filling:
    """Writes results until the bundle is full, and leaves out those that are too large for any."""
    held = Filling()
    for first in range(0, len(ids), AT_ONCE):
        for result in hand_overs.outgoing(connection, ids[first : first + AT_ONCE], site):
            try:
                has_room = unsigned.add(carried.entry_of_result(result, now))
            except EntryTooLargeError:
                held.too_large.append(result.test_id)
                held.left_out += len(result.deliveries)
                continue
            if not has_room:
                held.without_room = result.test_id
                return held
            held.sent += result.deliveries
            held.results += 1
    return held


def nothing_fits(held: Filling) -> BundleError:
    """Returns the error of a bundle that holds nothing, though deliveries wait."""
    if held.without_room:
        return BundleError(
            f"not even the oldest result, of test {held.without_room!r}, has room: allow more with "
            "--max-size."
        )
    return BundleError(
        f"a bundle can't hold a result as large as those of {', '.join(map(repr, held.too_large))}. Discard "
        "their deliveries, or deliver them another way."
    )
