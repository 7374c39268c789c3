"""Values that an option takes from a fixed list: completes them, and suggests the nearest for a wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import typer

from fairmind_sync.provider_names import PROVIDERS


def choice(values: Sequence[str], kind: str) -> dict[str, Any]:
    """Returns what makes a parameter of typer's take one of the values alone; `kind` is a plural noun."""

    def checked(value: str | None) -> str | None:
        return None if value is None else chosen(value, values, kind)

    def completed(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return {"callback": checked, "autocompletion": completed}


def chosen(value: str, values: Sequence[str], kind: str) -> str:
    """Returns the value as it stands among the values.

    Raises:
        BadParameter: it is none of them; the message lists them, and names the nearest one.
    """
    if (found := value.strip().lower()) in values:
        return found
    near = get_close_matches(found, values, 1)
    listed = ", ".join(values) + (f". Did you mean {near[0]}?" if near else "")
    raise typer.BadParameter(f"{value!r} is none of the {kind}: {listed}")


A_PROVIDER = choice(PROVIDERS, "providers")
