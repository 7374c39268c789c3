"""Kinds of failure: as they are stored, and in words."""

from __future__ import annotations

import pytest

from fairmind_sync.results.error_kinds import ErrorKind, words_beside, words_for


@pytest.mark.parametrize("kind", ErrorKind)
def test_each_kind_has_words_of_its_own(kind: ErrorKind) -> None:
    assert words_for(kind.value) == kind.words
    assert [other for other in ErrorKind if other.words == kind.words] == [kind]


def test_the_words_of_a_kind_are_for_people() -> None:
    assert words_for("worker_died") == "the process that delivered it died"


@pytest.mark.parametrize("kind", [None, "", "made_up"])
def test_a_kind_that_this_version_does_not_know_has_no_words(kind: str | None) -> None:
    assert words_for(kind) is None


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("rejected", "HTTP 400: no such metric", "the provider refuses this result"),
        ("rejected", "MLflow refuses this result: HTTP 400", None),
        ("worker_died", "killed", "the process that delivered it died"),
        ("made_up", "of a newer version", None),
        (None, "nothing", None),
    ],
)
def test_an_error_that_says_the_same_by_name_needs_no_words(
    kind: str | None, error: str, words: str | None
) -> None:
    assert words_beside(kind, error) == words
