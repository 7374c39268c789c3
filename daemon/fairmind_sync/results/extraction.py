"""Extracts from a saved result what its runs hold: metrics, parameters, tags, summary. Pure.

Extraction runs at delivery, from the saved payload, so that after a bug is fixed a result can be delivered
again. Metrics and parameters are keyed by path; `keys` turns a path into a key that a provider accepts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import TypeAlias

from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.payload import Json, dumps

Scalar: TypeAlias = str | int | float | bool

_RISK_KEYS = ("risk_level", "overall_risk")


@dataclass(frozen=True, slots=True)
class Extract:
    """What one run holds; `skipped` names the infinite numbers, which no provider can hold, by path."""

    run_name: str
    started_at: datetime
    metrics: dict[KeyPath, float]
    params: dict[KeyPath, Scalar]
    nested_params: dict[KeyPath, Json]
    tags: dict[str, str]
    summary: dict[str, Json]
    skipped: tuple[str, ...]


def extract(result: SavedResult, project: str) -> Extract:
    """Returns everything that a run of this result holds, before any provider's limits."""
    numbers = numbers_of(result.results)
    scalars, nested = _split_metadata(result)
    return Extract(
        run_name=f"{result.test_type}_{result.test_id}",
        started_at=result.created_at,
        metrics={path: number for path, number in numbers.items() if not math.isinf(number)},
        params=scalars,
        nested_params=nested,
        tags={"test_type": result.test_type, "model_id": result.model_id, "project": project},
        summary=_summary(result.results),
        skipped=tuple(
            f"{'/'.join(path)}: {number}" for path, number in numbers.items() if math.isinf(number)
        ),
    )


def numbers_of(results: Mapping[str, Json]) -> dict[KeyPath, float]:
    """Returns every number in the results by its path; of a list of numbers, mean, minimum and maximum."""
    return dict(_numbers(results, ()))  # type: ignore[arg-type]  # a dictionary is JSON


def summary_text(value: Json) -> str:
    """Returns a summary value as text: text stays as it is, all else becomes JSON."""
    return value if isinstance(value, str) else dumps(value)


def describe(extracted: Extract) -> str:
    """Returns the run's description in Markdown."""
    lines = [f"Bias test **{extracted.run_name}** of model **{extracted.tags['model_id']}**"]
    lines += [
        f"- {key.replace('_', ' ')}: {summary_text(value)}"
        for key, value in extracted.summary.items()
    ]
    return "\n".join(lines)


def _numbers(value: Json, path: KeyPath) -> Iterator[tuple[KeyPath, float]]:
    if _is_number(value):
        yield path, _to_float(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _numbers(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from _numbers_of_list(value, path)


def _numbers_of_list(values: list[Json], path: KeyPath) -> Iterator[tuple[KeyPath, float]]:
    if all(_is_number(item) for item in values):
        floats = [_to_float(item) for item in values]
        yield from (((*path, name), number) for name, number in _aggregates(floats).items())
    else:
        for place, item in enumerate(values):
            yield from _numbers(item, (*path, str(place)))


def _aggregates(numbers: Sequence[float]) -> dict[str, float]:
    """Returns mean, minimum and maximum; one NaN makes all three NaN, as in numpy."""
    if any(math.isnan(number) for number in numbers):
        return dict.fromkeys(("mean", "min", "max"), math.nan)
    return {"mean": _mean(numbers), "min": min(numbers), "max": max(numbers)}


def _mean(numbers: Sequence[float]) -> float:
    """Returns a mean between minimum and maximum; by exact arithmetic where the sum would overflow."""
    if not all(math.isfinite(number) for number in numbers):
        return sum(numbers)
    try:
        mean = math.fsum(numbers) / len(numbers)
    except OverflowError:
        mean = float(sum(map(Fraction, numbers)) / len(numbers))
    return min(max(mean, min(numbers)), max(numbers))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _to_float(value: Json) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # callers checked _is_number
    except OverflowError:  # an integer beyond 1.8e308
        return math.inf


def _split_metadata(result: SavedResult) -> tuple[dict[KeyPath, Scalar], dict[KeyPath, Json]]:
    scalars: dict[KeyPath, Scalar] = {
        ("test_id",): result.test_id,
        ("model_id",): result.model_id,
        ("test_type",): result.test_type,
    }
    scalars |= {
        (name,): value
        for name, value in (("dataset_id", result.dataset_id), ("user_id", result.user_id))
        if value
    }
    own = set(scalars)
    nested: dict[KeyPath, Json] = {}
    for key, value in result.metadata.items():
        path = ("metadata", key) if (key,) in own else (key,)
        if isinstance(value, list | dict):
            nested[path] = value
        elif value is not None:
            scalars[path] = value
    return scalars, nested


def _summary(results: Mapping[str, Json]) -> dict[str, Json]:
    summary: dict[str, Json] = {}
    if isinstance(detected := results.get("overall_bias_detected"), bool):
        summary["overall_bias_detected"] = detected
    risks = [risk for key in _RISK_KEYS if isinstance(risk := results.get(key), str)]
    if risks:
        summary["risk_level"] = risks[0]
    if isinstance(text := results.get("summary"), str | dict):
        summary["summary"] = text
    return summary
