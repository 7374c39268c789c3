"""The kinds of failure that are stored with deliveries and attempts, each with its words for people. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ErrorKind(StrEnum):
    """A kind of failure: its value is stored, and `words` says the same to a person."""

    words: str

    def __new__(cls, value: str, words: str) -> Self:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.words = words
        return kind

    REJECTED = "rejected", "the provider refuses this result"
    REFUSED = "refused", "the provider, or a gateway before it, refuses this result alone"
    TOO_LARGE = "too_large", "the result is too large for the provider"
    RUN_DELETED = "run_deleted", "somebody deleted the run at the provider"
    UPLOAD_FAILED = "upload_failed", "the upload failed"
    UNCONFIRMED = "unconfirmed", "the provider did not confirm that it holds the run"
    UNCERTAIN = "uncertain", "the provider's answer was lost or made no sense"
    UNEXPECTED = "unexpected", "an error that nobody foresaw"
    WORKER_DIED = "worker_died", "the process that delivered it died"
    RELEASED = "released", "the provider went away before it could be sent"
    INCOMPLETE = "incomplete", "the run was no longer complete at the provider"
    DISCARDED = "discarded", "it was given up"


def words_for(kind: str | None) -> str | None:
    """Returns the words for a stored kind; None for a kind that this version does not know."""
    return next((known.words for known in ErrorKind if known == kind), None)


def words_beside(kind: str | None, error: str) -> str | None:
    """Returns the words for a stored kind, unless the error says the same of its provider by name."""
    words = words_for(kind)
    return None if words and words.removeprefix("the provider ") in error else words
