"""Writes result.json, the whole result as saved, with verdict and
digest, as strict JSON without NaN. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.metric_names import numbers_by_name
from fairmind_sync.results.plain_json import Json, dumps
from fairmind_sync.results.readable_keys import renamed_parts
from fairmind_sync.results.verdict import Verdict
from fairmind_sync.text import storable, storable_key

_VERSION = 1


def result_json(result: SavedResult, verdict: Verdict) -> str:
    """Returns the result with its ids, time, digest and verdict.

    `names` has the original of each part of a metric's key that was spelled out. NaN and the infinities,
    which are no JSON, are texts; `not_finite` lists the paths of those.
    """
    content: dict[str, Json] = {
        "fairmind_sync_evidence": _VERSION,
        **identity_of(result),
        "verdict": _stated(verdict),
        "names": {
            **renamed_parts(numbers_by_name(result.results, result.metadata, math.inf).by_name)
        },
        "not_finite": [
            "/".join(path)
            for path in _not_finite({"results": result.results, "metadata": result.metadata})
        ],
        "results": result.results,
        "metadata": result.metadata,
    }
    return json.dumps(strict(content), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def identity_of(result: SavedResult) -> dict[str, Json]:
    """Returns what identifies the result: ids, revision, time and content digest."""
    return {
        "test_id": result.test_id,
        "user_id": result.user_id or None,
        "revision": result.revision,
        "model_id": result.model_id,
        "dataset_id": result.dataset_id or None,
        "test_type": result.test_type,
        "saved_at": result.created_at.isoformat(),
        "digest": content_digest(result),
    }


def _stated(verdict: Verdict) -> Json:
    return {
        "passed": verdict.has_passed,
        "risk": verdict.overall_risk,
        "bias_detected": verdict.bias_detected,
        "metrics_passed": verdict.metrics_passed,
        "metrics_failed": verdict.metrics_failed,
    }


def _not_finite(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _not_finite(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _not_finite(item, (*path, str(place)))


def strict(value: Json) -> Json:
    """Returns the value with text for what is no JSON, and for what is no Unicode."""
    match value:
        case dict():
            return {storable_key(key): strict(item) for key, item in value.items()}
        case list():
            return [strict(item) for item in value]
        case str():
            return storable(value)
        case float() if not math.isfinite(value):
            return dumps(value)
        case _:
            return value
