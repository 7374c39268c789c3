"""Decides what to do about a run that was uploaded without an error, and that W&B doesn't show, or not whole:
wait, then upload again.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from fairmind_sync.errors import LeaseLostError
from fairmind_sync.providers.base import Journal, Retry
from fairmind_sync.providers.wandb.held import Held
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind

LATEST = timedelta(days=1)
"""After so long, a run that W&B doesn't show is uploaded again."""
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""Between two looks for a run that W&B doesn't show yet."""


def when_unconfirmed(delivery: Delivery, held: Held | None, journal: Journal) -> Retry:
    """Returns Retry for an upload without an error, of which W&B doesn't show all.

    W&B may show a run only later. A run that W&B doesn't show at all is waited for, once, before the run is
    uploaded again: the journal tells the next attempt that all was sent.
    """
    if held is None and delivery.run_id is None:
        with suppress(LeaseLostError):  # whoever records this notices, too
            journal.created(delivery, delivery.key)
        return not_yet(delivery)
    shown = f"state {held.state}, {held.history_lines} history lines" if held else "no such run"
    return Retry(
        ErrorKind.UNCONFIRMED,
        f"the upload ended without an error, but W&B doesn't hold all of the run: {shown}",
    )


def not_yet(delivery: Delivery) -> Retry:
    """Returns Retry after as long again as the run was waited for: it is looked for ever more rarely."""
    return Retry(
        ErrorKind.UNCONFIRMED,
        "all was sent without an error, and W&B doesn't show the run yet",
        after=min(max(age(delivery), _SHORTEST_WAIT), _LONGEST_WAIT),
        is_counted=False,
    )


def age(delivery: Delivery) -> timedelta:
    """Returns how long ago the run was sent when this attempt began."""
    return delivery.claimed_at - (delivery.create_attempted_at or delivery.claimed_at)
