"""How long to wait before the next try. Pure: chance is passed in.

Both use 'full jitter' (Marc Brooker, 'Exponential Backoff And Jitter', AWS Architecture Blog, 2015):
the delay is uniform between nothing and the cap, so that clients that failed together don't return together.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(hours=1)
SHORTEST_PROBE = timedelta(seconds=0.5)
LONGEST_PROBE = timedelta(minutes=1)
_MOST_DOUBLINGS = 32  # past any cap; keeps the power from overflowing a timedelta


def retry_cap(attempt: int) -> timedelta:
    """The longest delay that may follow the given attempt, counted from 1."""
    doublings = min(max(attempt, 1) - 1, _MOST_DOUBLINGS)
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << doublings))


def retry_delay(attempt: int, chance: Random, at_least: timedelta = timedelta()) -> timedelta:
    """The delay after a failed attempt; a server's Retry-After is `at_least`, itself capped."""
    return max(min(at_least, LONGEST_DELAY), retry_cap(attempt) * chance.random())


def probe_delay(outage: timedelta, chance: Random) -> timedelta:
    """The delay before an unreachable provider is probed again.

    It grows with the outage, not with the number of probes: a network that was away for seconds is
    noticed within seconds, one that was away for days within a minute.
    """
    cap = min(LONGEST_PROBE, max(4 * SHORTEST_PROBE, outage / 8))
    return max(SHORTEST_PROBE, cap * chance.random())
