"""The states of a delivery and of a provider."""

from __future__ import annotations

PENDING, DELIVERED, DEAD, DISCARDED = "pending", "delivered", "dead", "discarded"
STATUSES = (PENDING, DELIVERED, DEAD, DISCARDED)
READY, OFFLINE, BLOCKED = "ready", "offline", "blocked"
