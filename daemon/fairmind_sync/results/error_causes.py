"""The cause in an error text: its first line without the numbers, ids and quoted words that vary. Pure."""

from __future__ import annotations

import re

LEFT_OUT = "…"
"""Stands for what varies, and alone for an error that says nothing else."""
LONGEST_CAUSE = 200
VARYING = (
    '"[^"]*"'
    "|(?<![0-9A-Za-z])'[^']*'(?![0-9A-Za-z])"  # and no apostrophe, as in: can't
    "|\u2018[^\u2018\u2019]*\u2019|\u201c[^\u201c\u201d]*\u201d"
    "|(?<![0-9A-Za-z_.:-])[0-9A-Za-z_.:-]*[0-9][0-9A-Za-z_.:-]*"
)
"""What is quoted, and each word with a digit in it; Python and PostgreSQL find the same by this pattern."""
_VARYING = re.compile(VARYING)


def cause_in(error: str | None) -> str:
    """Returns the error's first line, up to a length, without what differs from delivery to delivery."""
    first_line = (error or "").partition("\n")[0]
    return _VARYING.sub(LEFT_OUT, first_line)[:LONGEST_CAUSE] or LEFT_OUT


def causes_meant(given: str) -> set[str]:
    """Returns the causes that may be meant by a cause as it was found, or by an error itself.

    Three dots may stand for the character of what is left out, which few keyboards have.
    """
    return {given, *(cause_in(text) for text in (given, given.replace("...", LEFT_OUT)) if text)}
