"""Turns one save's arguments into the form in which a result is stored: checks ids, makes plain JSON, removes
private fields, adds digest and verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from fairmind_sync.errors import PayloadError
from fairmind_sync.results import plain_json, privacy
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.results.verdict import verdict_of
from fairmind_sync.text import storable

LONGEST_IDENTIFIER = 500
LONGEST_IN_BYTES = 1_250
"""An index of PostgreSQL has rows of 2,704 bytes at most, in which two identifiers and a digest stand."""
_SHOWN = (int, float, bool, type(None))


def prepare(
    test_id: str,
    user_id: str | None,
    model_id: str | None,
    dataset_id: str | None,
    test_type: str | None,
    results: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    *,
    private_fields: Sequence[privacy.Pattern],
    created_at: datetime | None = None,
    removed_before: Mapping[str, int] | None = None,
) -> NewResult:
    """Returns the result in the form in which it is stored, without what `private_fields` match.

    Of the identifiers only `test_id` is needed; the others may be empty, or None, which counts as empty.
    `created_at` is the result's own time, for a result that is older than its save, and `removed_before` how
    many private fields were left out of it then, by pattern.

    Raises:
        PayloadError: the result holds a value that can't be stored; the message names the value's path.
    """
    identity = {
        "test_id": _identifier("test_id", test_id),
        "user_id": _optional_identifier("user_id", user_id),
        "model_id": _optional_identifier("model_id", model_id),
        "dataset_id": _optional_identifier("dataset_id", dataset_id),
        "test_type": _optional_identifier("test_type", test_type),
    }
    removed = Counter(removed_before or {})
    plain_results = _plain_object(results, "results", private_fields, removed)
    plain_metadata = _plain_object(
        {} if metadata is None else metadata, "metadata", private_fields, removed
    )
    return NewResult(
        **identity,
        results=plain_json.dumps(plain_results),
        metadata=plain_json.dumps(plain_metadata),
        digest=plain_json.digest([*identity.values(), plain_results, plain_metadata]),
        verdict=verdict_of(plain_results),
        created_at=created_at,
        removed=plain_json.dumps(dict(removed)) if removed else None,
    )


def _plain_object(
    value: object, name: str, private_fields: Sequence[privacy.Pattern], removed: Counter[str]
) -> dict[str, plain_json.Json]:
    plain = privacy.without_private(plain_json.plain(value, name), name, private_fields, removed)
    if not isinstance(plain, dict):
        raise PayloadError(f"{name} must be a dictionary, not a {plain_json.kind_of(value)}.")
    return plain


def _optional_identifier(name: str, value: object) -> str:
    return "" if value is None else _text(name, value)


def _identifier(name: str, value: object) -> str:
    identifier = _text(name, value)
    if not identifier.strip():
        raise PayloadError(f"{name} must be a text that is not empty, not {identifier!r}.")
    return identifier


def _text(name: str, value: object) -> str:
    """Returns the identifier: any text that databases take, of whatever scripts, ends of lines included."""
    if not issubclass(type(value), str):
        shown = value if type(value) in _SHOWN else f"a {plain_json.kind_of(value)}"
        raise PayloadError(f"{name} must be a text, not {shown}.")
    text = str.__str__(value)  # a text, whatever its own methods do
    if len(text) > LONGEST_IDENTIFIER:
        raise PayloadError(f"{name} has {len(text)} characters; at most {LONGEST_IDENTIFIER} fit.")
    if storable(text) != text:
        raise PayloadError(
            f"{name} {text!r} holds a null character or half of a character, which no database takes. "
            "Remove it and save again."
        )
    if (size := len(text.encode())) > LONGEST_IN_BYTES:
        raise PayloadError(
            f"{name} has {len(text)} characters of {size} bytes in all (UTF-8); at most {LONGEST_IN_BYTES} "
            "bytes fit. Shorten it and save again."
        )
    return text
