"""Follows an exception to the errors that caused it, and puts the deepest into words."""

from __future__ import annotations

import re
from collections.abc import Iterator


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields the error and its causes; urllib3 keeps a cause in an attribute, requests in an argument."""
    while error is not None:
        yield error
        nested = [getattr(error, "reason", None), *error.args]
        error = next((link for link in nested if isinstance(link, BaseException)), None) or (
            error.__cause__ or error.__context__
        )


def in_words(error: BaseException) -> str:
    """Returns what the deepest cause says, as the system says it, without names of Python's objects."""
    deepest = [*causes(error)][-1]
    if isinstance(deepest, OSError) and deepest.strerror:
        return deepest.strerror
    return _OBJECT.sub("", str(deepest)) or type(deepest).__name__


_OBJECT = re.compile(r"^<?[\w.]+(?:\([^)]*\)| object at 0x[0-9a-f]+>): ")
"""How urllib3 begins, with the connection that failed."""
