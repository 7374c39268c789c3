"""Turns Python objects of numpy, pandas, polars, torch or fairlearn into plain JSON values, and JSON into
text and digest. Pure.

numpy, pandas, polars, torch and fairlearn are never imported: their values are recognised by module and
methods. NaN and the infinities stay floats here; their JSON text is Python's: `NaN`, `Infinity`, `-Infinity`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any, TypeAlias
from uuid import UUID

from fairmind_sync.errors import PayloadError

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_SORTING_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
_PLAIN_TYPES = frozenset({str, float, bool, type(None)})

DEEPEST = 64
MOST_BITS = 4096


def plain(value: object, path: str = "results") -> Json:
    """Returns the value as plain JSON.

    Sets become sorted lists, tuples lists, enum members their values, times ISO 8601, durations seconds,
    Decimal and Fraction floats, missing values (`None`, `pandas.NA`, `NaT`) null, a pandas Series a
    dictionary by index, a DataFrame a dictionary of columns, a polars Series a list, a fairlearn MetricFrame
    `overall` and `by_group`.

    Raises:
        PayloadError: a value can't be stored; the message names its path and the reason.
    """
    return _plain(value, path, ())


def dumps(value: Json) -> str:
    """Returns JSON text in ASCII: any database takes the text, as lone surrogates and NUL stay escaped."""
    return _ENCODER.encode(value)


def digest(value: Json) -> str:
    """Returns the SHA-256 of the value, in hex, whatever the order of its keys."""
    return hashlib.sha256(_SORTING_ENCODER.encode(value).encode()).hexdigest()


def _plain(value: object, path: str, parents: tuple[int, ...]) -> Json:
    if _is_plain(value):
        return value  # type: ignore[return-value]  # the exact types were just checked
    if id(value) in parents:
        raise PayloadError(
            f"{path} contains itself: a cycle can't be stored. Break it and save again."
        )
    if len(parents) >= DEEPEST:
        raise PayloadError(
            f"{path} is nested deeper than {DEEPEST} levels. Flatten it and save again."
        )
    try:
        return _convert(value, path, (*parents, id(value)))
    except (PayloadError, MemoryError):
        raise
    except Exception as error:  # whatever an object's own methods and attributes raise
        raise _unstorable(value, path, error) from error


def _convert(value: object, path: str, parents: tuple[int, ...]) -> Json:  # noqa: C901, PLR0911, PLR0912 a list of types
    if type(value) is dict:  # as most are; each abstract class below takes longer to ask
        return _plain_pairs(value.items(), path, parents)
    if type(value) is list:
        return _plain_items(value, path, parents)
    match value:
        case Enum():
            return _plain(value.value, path, parents)
        case datetime() | date() | time():
            return None if str(value) == "NaT" else value.isoformat()
        case timedelta():
            return value.total_seconds()
        case str() | UUID() | PurePath():
            return str.__str__(
                str(value)
            )  # a plain one, also of a kind of text with methods of its own
        case int() | float() | Decimal() | Fraction():
            return _plain_number(value, path)
        case bytes() | bytearray() | memoryview():
            raise PayloadError(
                f"{path} is {type(value).__name__}: decode it to text and save again."
            )
        case Mapping():
            return _plain_pairs(value.items(), path, parents)
        case tuple() if hasattr(value, "_asdict"):
            return _plain_pairs(value._asdict().items(), path, parents)
        case AbstractSet():
            return _sorted(_plain_items(value, path, parents))
        case Sequence() | map() | filter() | zip():
            return _plain_items(value, path, parents)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _plain_pairs(fields.items(), path, parents)
    return _convert_foreign(value, path, parents)


def _is_plain(value: object) -> bool:
    kind = type(value)
    return kind in _PLAIN_TYPES or (kind is int and -(2**63) <= value < 2**63)  # type: ignore[operator]  # an int


def _plain_number(value: float | Decimal | Fraction, path: str) -> int | float:
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise PayloadError(f"{path} is an integer of {value.bit_length()} bits: too large.")
        return int(value)
    if isinstance(value, Decimal) and value.is_nan():  # float() refuses a signalling one
        return math.nan
    try:
        return float(value)
    except OverflowError:
        raise PayloadError(f"{path} is larger than a float can be. Scale it down.") from None


def _convert_foreign(value: Any, path: str, parents: tuple[int, ...]) -> Json:
    """Converts values of libraries that we don't import."""
    kind = type(value)
    if isinstance(value, type):
        raise _unstorable(value, path)
    if kind.__module__.startswith("pandas"):
        return _convert_pandas(value, path, parents)
    if (known := _opened(value)) is not value:
        return _plain(known, path, parents)
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(), path, parents)
    if hasattr(value, "tolist"):
        return _convert_array(value, path, parents)
    raise _unstorable(value, path)


def _convert_pandas(value: Any, path: str, parents: tuple[int, ...]) -> Json:
    kind = type(value).__name__
    if kind == "NAType":
        return None
    if kind == "DataFrame" or (kind == "Series" and value.index.is_unique):
        return _plain_pairs(value.items(), path, parents)
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), path, parents)
    raise _unstorable(value, path)


def _opened(value: Any) -> object:
    """Returns the value as what Python or pandas has for it; the value itself if it is of no known kind.

    A polars DataFrame becomes a dictionary of lists by column, a polars Series a list, a fairlearn
    MetricFrame `overall`, `by_group` by metric, and the names of its features.
    """
    kind = type(value)
    match kind.__module__.partition(".")[0], kind.__name__:
        case "polars", "DataFrame":
            return value.to_dict(as_series=False)
        case "polars", "Series":
            return value.to_list()
        case "fairlearn", "MetricFrame":
            return _metric_frame(value)
        case _:
            return value


def _metric_frame(frame: Any) -> dict[str, object]:
    by_group, overall = frame.by_group, frame.overall
    if not hasattr(by_group, "columns"):  # of a single metric
        name = by_group.name
        by_group, overall = {name: by_group}, {name: overall}
    features = {
        "sensitive_features": frame.sensitive_levels,
        "control_features": frame.control_levels,
    }
    named = {key: [*levels] for key, levels in features.items() if levels}
    return {"overall": overall, "by_group": by_group, **named}


def _convert_array(value: Any, path: str, parents: tuple[int, ...]) -> Json:
    """Converts an array or scalar of numpy, or of a library that behaves like numpy."""
    match getattr(getattr(value, "dtype", None), "kind", ""):
        case "c":
            raise _unstorable(value, path)
        case "M":
            return _without_nat(value.astype(str).tolist())
        case "m":
            return _plain(value.astype("timedelta64[us]").tolist(), path, parents)
    listed = value.tolist()
    if type(listed) is type(value):  # numpy.longdouble hands back itself
        return float(listed)
    return _plain(listed, path, parents)


def _without_nat(texts: Any) -> Json:
    if isinstance(texts, list):
        return [_without_nat(text) for text in texts]
    return None if texts == "NaT" else str(texts)


def _unstorable(value: object, path: str, error: Exception | None = None) -> PayloadError:
    raises = f": reading it raises {type(error).__name__}" if error else ""
    return PayloadError(
        f"{path} is a {kind_of(value)}, which can't be stored{raises}. "
        "Turn it into numbers, text, lists or dictionaries and save again."
    )


def kind_of(value: object) -> str:
    """Returns the name of the value's type, and its module's; no code of the value's own is run."""
    names = (type.__getattribute__(type(value), name) for name in ("__module__", "__qualname__"))
    return ".".join(str(name) for name in names)


def _plain_pairs(pairs: Iterable[tuple[Any, object]], path: str, parents: tuple[int, ...]) -> Json:
    plain_values: dict[str, Json] = {}
    for key, item in pairs:
        name = _key_text(key, path)
        if name in plain_values:
            raise PayloadError(f"{path} has two keys that both read {name!r} as text. Rename one.")
        plain_values[name] = item if _is_plain(item) else _plain(item, f"{path}.{name}", parents)  # type: ignore[assignment]  # the types were just checked
    return plain_values


def _plain_items(value: Any, path: str, parents: tuple[int, ...]) -> list[Json]:
    return [
        item if _is_plain(item) else _plain(item, f"{path}[{place}]", parents)
        for place, item in enumerate(value)
    ]


def _sorted(items: list[Any]) -> list[Json]:
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=dumps)


def _key_text(key: object, path: str) -> str:
    return key if type(key) is str and key.isascii() else _unusual_key_text(key, path)


def _unusual_key_text(key: object, path: str) -> str:
    match key:
        case Enum():
            return _key_text(key.value, path)
        case str():
            return _whole(key)
        case bytes():
            raise PayloadError(f"{path} has the key {key!r}: decode it to text and save again.")
        case tuple():
            return ", ".join(_key_text(part, path) for part in key)
        case frozenset():
            return ", ".join(sorted(_key_text(part, path) for part in key))
        case bool() | None:
            return json.dumps(key)
        case _:
            return str(key)


def _whole(text: str) -> str:
    """Returns the text with each pair of surrogates as one character, as JSON readers take the pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
