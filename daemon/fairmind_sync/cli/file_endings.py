"""Which format a file's name promises: what a verb can't write is refused before the verb begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer

from fairmind_sync.provider_names import either


def format_of(
    output: Path | None, formats: Mapping[str, str], usual: str, chosen: str | None = None
) -> str:
    """Returns the chosen format, else the one of the file's ending, else the usual one.

    Args:
        output: The file; None for standard output.
        formats: Formats by the endings that promise them.
        usual: What a name without an ending gets.
        chosen: What the user has chosen; a verb of one format has no option for that.

    Raises:
        BadParameter: the name promises a format that is none of these.
    """
    ending = output.suffix if output else ""
    if chosen or not ending:
        return chosen or usual
    if (found := formats.get(ending.lower())) is None:
        known = either(*formats) + (", or --format" if len({*formats.values()}) > 1 else "")
        raise typer.BadParameter(
            f"{str(output)!r} ends with {ending}, which can't be written: "
            f"give a name that ends with {known}"
        )
    return found
