"""The names of the states of deliveries (pending, ...) and of providers (ready, ...)."""

from __future__ import annotations

PENDING, DELIVERED, DEAD, DISCARDED = "pending", "delivered", "dead", "discarded"
HANDED_OVER = "handed_over"
"""Another site has the delivery, in a bundle, and no outcome has come home yet."""
STATUSES = (PENDING, HANDED_OVER, DELIVERED, DEAD, DISCARDED)
READY, OFFLINE, BLOCKED = "ready", "offline", "blocked"
