"""The note below a listing that says how many more there are than are shown."""

from __future__ import annotations

from fairmind_sync.cli.listing import Note

MOST_COUNTED = 100_000
"""To count more takes longer than anybody waits for a list."""


def rest_of(shown: int, total: int, what: str) -> list[Note]:
    """Returns a note where more match than are shown, or nothing matches."""
    if not total:
        return [Note(f"no {what} match")]
    if shown >= total:
        return []
    counted = f"more than {total:,}" if total >= MOST_COUNTED else f"{total:,}"
    return [Note(f"{shown:,} of {counted} {what}, the newest first; more with --limit")]
