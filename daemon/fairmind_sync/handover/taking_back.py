"""Takes a lost bundle's deliveries back, for an operator who knows
that the other site never delivers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairmind_sync.errors import BundleError
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import bundle_log, hand_over_lookup, hand_overs, operator_log
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from collections import Counter

    from sqlalchemy import Engine

    from fairmind_sync.outbox.bundle_log import BundleRecord
    from fairmind_sync.outbox.operator_log import Actor

_SHORTEST = 4

log = get_logger()


def bundle_named(engine: Engine, named: str) -> tuple[BundleRecord, Counter[str]]:
    """Returns the bundle of results whose key begins so, and what `take_back` would change, by status.

    Raises:
        BundleError: no bundle, or more than one, went out under such a key.
    """
    with reading(engine) as connection:
        found = (
            [one for one in bundle_log.newest(connection, 3, named) if one.kind == "results"]
            if len(named) >= _SHORTEST
            else []
        )
        if len(found) != 1:
            which = "several bundles" if found else "no bundle"
            raise BundleError(
                f"{which} went out whose key begins with {named!r}. See: fairmind-sync bundle list"
            )
        return found[0], hand_overs.would_take_back(connection, found[0].bundle_key)


def is_replaced(engine: Engine, bundle: BundleRecord) -> bool:
    """Returns whether newer bundles hold all that this one held, as `export --again` writes them."""
    with reading(engine) as connection:
        return hand_over_lookup.is_replaced(connection, bundle.bundle_key)


def take_back(engine: Engine, bundle: BundleRecord, by: Actor | None = None) -> int:
    """Makes the bundle's deliveries pending here again, as far as no run came home; returns how many."""
    with writing(engine) as connection:
        now = current_time(engine)
        count = hand_overs.take_back(connection, bundle.bundle_key, now)
        operator_log.note(
            connection,
            "take back",
            by,
            now,
            subject=f"bundle {bundle.bundle_key} for site {bundle.site_name}",
            count=count,
        )
    log.info("bundle.taken_back", site=bundle.site_name, bundle=bundle.bundle_key, count=count)
    return count
