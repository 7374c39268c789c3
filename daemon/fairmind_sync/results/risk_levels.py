"""The levels of risk that a result may state, in their order. Pure."""

from __future__ import annotations

LEVELS = ("none", "minimal", "low", "medium", "moderate", "high", "severe", "critical")
"""The higher ones last."""
