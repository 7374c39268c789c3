"""Turns a result into what MLflow holds: tags, parameters and points, within MLflow's limits. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fairmind_sync.providers.mlflow.runs_api import MetricPoint, to_ms
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.extraction import Extract, Scalar, describe, extract, summary_text
from fairmind_sync.results.keys import KeyRules, key_for, renamed
from fairmind_sync.results.payload import dumps
from fairmind_sync.text import shorten, storable

DELIVERY_KEY_TAG = "fairmind.delivery_key"
KEY_RULES = KeyRules(re.compile(r"[\w.\- :]+"), re.compile(r"[^\w.\- :]"), longest=250)
LONGEST_PARAM, LONGEST_TAG, LONGEST_NAME = 6_000, 8_000, 250
MOST_POINTS, MOST_PARAMS, MOST_BYTES = 900, 100, 900_000
"""Below MLflow's limits for a batch: 1,000 entries, 100 of them parameters, 1 MB of JSON."""
_BYTES_AROUND_AN_ENTRY = 100


@dataclass(slots=True)
class LogBatch:
    """What one log-batch request carries."""

    points: list[MetricPoint] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    bytes: int = 0

    def takes(self, size: int) -> bool:
        """Returns whether one more entry of `size` bytes fits in, whatever its kind."""
        return (
            self.bytes + size <= MOST_BYTES
            and len(self.points) < MOST_POINTS
            and len(self.params) < MOST_PARAMS
        )


@dataclass(frozen=True, slots=True)
class MlflowContent:
    """A run's content; `adjusted` names each part that is not sent as it was saved."""

    name: str
    started_at: datetime
    tags: dict[str, str]
    params: dict[str, str]
    points: list[MetricPoint]
    adjusted: tuple[str, ...]

    def batches(self) -> Iterator[LogBatch]:
        """Yields the batches in the order of sending, each within MLflow's limits."""
        batch = LogBatch()
        entries: list[tuple[str, str] | MetricPoint] = [*self.params.items(), *self.points]
        for entry in entries:
            size = _size(entry)
            if not batch.takes(size):
                yield batch
                batch = LogBatch()
            batch.bytes += size
            if isinstance(entry, MetricPoint):
                batch.points.append(entry)
            else:
                batch.params[entry[0]] = entry[1]
        yield batch  # never empty: a run has at least its test_id


def _size(entry: MetricPoint | tuple[str, str]) -> int:
    """Returns the most bytes that the entry takes as ASCII-only JSON."""
    texts = (entry.key,) if isinstance(entry, MetricPoint) else entry
    return _BYTES_AROUND_AN_ENTRY + sum(len(dumps(text)) for text in texts)


def content_of(delivery: Delivery, project: str) -> MlflowContent:
    extracted = extract(delivery.result, project)
    texts = _param_texts(extracted)
    keys = {path: key_for(path, KEY_RULES) for path in (*texts, *extracted.metrics)}
    params = {keys[path]: text for path, text in texts.items()}
    tags = _tags(delivery, extracted)
    timestamp = to_ms(extracted.started_at)
    return MlflowContent(
        name=shorten(storable(extracted.run_name), LONGEST_NAME),
        started_at=extracted.started_at,
        tags={key: shorten(storable(value), LONGEST_TAG) for key, value in tags.items()},
        params={key: shorten(storable(value), LONGEST_PARAM) for key, value in params.items()},
        points=[
            MetricPoint(keys[path], value, timestamp) for path, value in extracted.metrics.items()
        ],
        adjusted=(
            *(f"metric {skipped} can't be held" for skipped in extracted.skipped),
            *renamed(keys),
            *_adjusted("tag", tags, LONGEST_TAG),
            *_adjusted("parameter", params, LONGEST_PARAM),
            *_adjusted("run", {"name": extracted.run_name}, LONGEST_NAME),
        ),
    )


def _adjusted(kind: str, texts: Mapping[str, str], longest: int) -> Iterator[str]:
    for key, text in texts.items():
        if len(text) > longest:
            yield f"{kind} {key} is shortened from {len(text)} characters"
        elif storable(text) != text:
            yield f"{kind} {key} holds characters that databases refuse; they are replaced"


def _param_texts(extracted: Extract) -> dict[tuple[str, ...], str]:
    scalars = {path: _scalar_text(value) for path, value in extracted.params.items()}
    return scalars | {path: dumps(value) for path, value in extracted.nested_params.items()}


def _scalar_text(value: Scalar) -> str:
    return value if isinstance(value, str) else str(value)


def _tags(delivery: Delivery, extracted: Extract) -> dict[str, str]:
    return {
        DELIVERY_KEY_TAG: delivery.key,
        **extracted.tags,
        **{key: summary_text(value) for key, value in extracted.summary.items()},
        **({"mlflow.user": delivery.result.user_id} if delivery.result.user_id else {}),
        "mlflow.source.name": "fairmind-sync",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": describe(extracted),
    }
