"""How long to wait before the next attempt of a delivery or the next probe of a provider: ever longer, up to
a cap, with full jitter. Pure: chance is passed in.

Both delays have 'full jitter' (Marc Brooker, 'Exponential Backoff And Jitter', AWS Architecture Blog, 2015):
a delay is uniform between nothing and its cap, so that clients that failed together don't return together.
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
_MOST_DOUBLINGS = 32  # past any cap, and no timedelta overflows


def retry_cap(attempt: int) -> timedelta:
    """Returns the longest delay that may follow the attempt, counted from 1."""
    doublings = min(max(attempt, 1) - 1, _MOST_DOUBLINGS)
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << doublings))


def retry_delay(attempt: int, chance: Random, at_least: timedelta = timedelta()) -> timedelta:
    """Returns the delay after a failed attempt; `at_least`, a server's Retry-After, counts up to an hour."""
    return max(min(at_least, LONGEST_DELAY), retry_cap(attempt) * chance.random())


def probe_delay(outage: timedelta, chance: Random) -> timedelta:
    """Returns the delay before an unreachable provider is probed again.

    The delay grows with the outage, not with the number of probes: a network's return is noticed within
    seconds after an outage of seconds, and within a minute after an outage of days.
    """
    cap = min(LONGEST_PROBE, max(4 * SHORTEST_PROBE, outage / 8))
    return max(SHORTEST_PROBE, cap * chance.random())
