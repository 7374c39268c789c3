"""Extracts from a saved result what a run holds, before any
provider's limits: metrics, parameters, tags, summary.

Extraction runs at delivery, from the saved payload, so that after a bug is fixed a result can be delivered
again. Metrics and parameters are keyed by name, a path; `Extract.keys` turns names into keys that a provider
accepts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.model_version import model_version_of
from fairmind_sync.results.name_choice import NEWEST_NAMES, Names
from fairmind_sync.results.naming import MakeKeys, naming
from fairmind_sync.results.plain_json import Json, dumps
from fairmind_sync.results.verdict import Verdict, verdict_of

Scalar: TypeAlias = str | int | float | bool

_RISK_KEYS = ("risk_level", "overall_risk")
_MOST_INFINITE = 20


@dataclass(frozen=True, slots=True)
class Extract:
    """What one run holds; `notes` tell of each number of the result that is no metric, and why."""

    run_name: str
    started_at: datetime
    metrics: dict[KeyPath, float]
    params: dict[KeyPath, Scalar]
    nested_params: dict[KeyPath, Json]
    tags: dict[str, str]
    summary: dict[str, Json]
    notes: tuple[str, ...]
    keys: MakeKeys


def extract(result: SavedResult, project: str, names: Names = NEWEST_NAMES) -> Extract:
    """Returns everything that a run of this result holds, before any provider's limits."""
    chosen = naming(names)
    found = chosen.numbers(result.results, result.metadata)
    infinite = {name: number for name, number in found.by_name.items() if math.isinf(number)}
    scalars, nested = _split_metadata(result)
    return Extract(
        run_name=chosen.run_name(result),
        started_at=result.created_at,
        metrics={name: one for name, one in found.by_name.items() if name not in infinite},
        params=scalars,
        nested_params=nested,
        tags=_tags(result, project),
        summary=_first_summary(result.results)
        if names == 1
        else _summary(result.results, infinite),
        notes=(*_infinite_notes(infinite), *_left_out(found.left_out)),
        keys=chosen.keys,
    )


def _tags(result: SavedResult, project: str) -> dict[str, str]:
    version = model_version_of(result)
    return {
        "test_type": result.test_type,
        "model_id": result.model_id,
        **({"model_version": str(version)} if version else {}),
        "project": project,
    }


def summary_text(value: Json) -> str:
    """Returns a summary value as text: text stays as it is, all else becomes JSON."""
    return value if isinstance(value, str) else dumps(value)


def _infinite_notes(infinite: Mapping[KeyPath, float]) -> list[str]:
    return [f"metric {'/'.join(name)}: {number} can't be held" for name, number in infinite.items()]


def _left_out(count: int) -> list[str]:
    return [f"{count} numbers of groups are in evidence/groups.json alone"] if count else []


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


def _summary(results: Mapping[str, Json], infinite: Mapping[KeyPath, float]) -> dict[str, Json]:
    """Returns verdict, infinite numbers and the summary in words, as far as the results have them."""
    verdict = verdict_of(results)
    texts: dict[str, Json] = {
        "/".join(name): str(number) for name, number in [*infinite.items()][:_MOST_INFINITE]
    }
    return {
        **_verdict_summary(verdict),
        **({"infinite": texts} if texts else {}),
        **_words(results),
    }


def _verdict_summary(verdict: Verdict) -> dict[str, Json]:
    stated: dict[str, Json] = {
        "verdict": verdict.word,
        "overall_bias_detected": verdict.bias_detected,
        "risk_level": verdict.overall_risk,
        "metrics_passed": verdict.metrics_passed or None,
        "metrics_failed": verdict.metrics_failed or None,
    }
    return {key: value for key, value in stated.items() if value is not None}


def _words(results: Mapping[str, Json]) -> dict[str, Json]:
    text = results.get("summary")
    return {"summary": text} if isinstance(text, str | dict) else {}


def _first_summary(results: Mapping[str, Json]) -> dict[str, Json]:
    """Returns what the first naming's runs have: what the results state at their top alone."""
    summary: dict[str, Json] = {}
    if isinstance(detected := results.get("overall_bias_detected"), bool):
        summary["overall_bias_detected"] = detected
    risks = [risk for key in _RISK_KEYS if isinstance(risk := results.get(key), str)]
    if risks:
        summary["risk_level"] = risks[0]
    return summary | _words(results)
