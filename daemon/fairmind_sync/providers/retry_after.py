"""Reads a reply's Retry-After header."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """Returns the time in a reply's Retry-After header; zero without one, or for its rarer form, a date."""
    with suppress(ValueError, OverflowError):
        return timedelta(seconds=max(0.0, float(headers.get("Retry-After", "0"))))
    return timedelta()
