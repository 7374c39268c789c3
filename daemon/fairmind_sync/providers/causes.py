"""Follows an error to what caused it."""

from __future__ import annotations

from collections.abc import Iterator


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields the error and its causes; urllib3 keeps a cause in an attribute, requests in an argument."""
    while error is not None:
        yield error
        nested = [getattr(error, "reason", None), *error.args]
        error = next((link for link in nested if isinstance(link, BaseException)), None) or (
            error.__cause__ or error.__context__
        )
