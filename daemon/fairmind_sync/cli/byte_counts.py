"""The option `--max-size`: reads sizes such as 100MB as bytes."""

from __future__ import annotations

import re
from typing import Annotated

import typer

_FORM = re.compile(r"(\d{1,12})\s*(|k|m|g)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}

MostBytes = Annotated[
    str, typer.Option("--max-size", metavar="SIZE", help="At most so large: 500kB, 100MB or 2GB.")
]


def bytes_of(text: str) -> int:
    """Returns how many bytes the text means.

    Raises:
        BadParameter: the text is no such count.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise typer.BadParameter(f"{text!r} is no size: give one such as 500kB, 100MB or 2GB")
    return int(found[1]) * _UNITS[found[2].lower()]
