"""Turns a result into a run's content for MLflow: tags, parameters and metric points, shortened to the
server's limits, in batches. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fairmind_sync.providers.mlflow.limits import ServerLimits
from fairmind_sync.providers.mlflow.runs_api import (
    Entry,
    MetricPoint,
    ParamText,
    StoredRun,
    TagText,
    to_ms,
)
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.extraction import (
    Extract,
    extract,
    summary_text,
)
from fairmind_sync.results.keys import renamed
from fairmind_sync.results.name_choice import NEWEST_NAMES, Names
from fairmind_sync.results.plain_json import dumps
from fairmind_sync.results.run_description import describe, page_of
from fairmind_sync.text import shorten, storable

DELIVERY_KEY_TAG = "fairmind.delivery_key"
ADJUSTED_TAG = "fairmind.adjusted"
CONTENT_TAG = "fairmind.content_digest"
"""The tag by which a run is found again whose delivery key is lost; of runs made where that is wanted."""
NEWEST, NEW_RUN = ServerLimits(), StoredRun()
LONGEST_NAME = 250
MOST_TEXTS, MOST_BYTES = 100, 900_000
"""Below MLflow's limits for a batch: 1,000 entries, 100 of them parameters and 100 tags, 1 MB of JSON."""
_BYTES_AROUND_AN_ENTRY = 100
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MlflowContent:
    """A run's content; `adjusted` names each part that is not sent as it was saved."""

    name: str
    started_at: datetime
    tags: dict[str, str]
    params: dict[str, str]
    points: list[MetricPoint]
    adjusted: tuple[str, ...]

    def batches(self, stored: StoredRun = NEW_RUN) -> Iterator[list[Entry]]:
        """Yields what the run lacks in the order of sending, in lists within MLflow's limits for a batch."""
        batch, texts, size = list[Entry](), 0, 0
        for entry in self._lacking(stored):
            size += _size(entry)
            texts += isinstance(entry, ParamText | TagText)
            if batch and (
                len(batch) >= NEWEST.most_entries or texts > MOST_TEXTS or size > MOST_BYTES
            ):
                yield batch
                batch, texts, size = [], isinstance(entry, ParamText | TagText), _size(entry)
            batch.append(entry)
        if batch:
            yield batch

    def _lacking(self, stored: StoredRun) -> Iterator[Entry]:
        for key, value in self.tags.items():
            if key not in stored.tags:
                yield TagText(key, value)
        for key, value in self.params.items():
            if key not in stored.params:
                yield ParamText(key, value)
        yield from (point for point in self.points if point.key not in stored.metrics)


def _size(entry: Entry) -> int:
    """Returns the most bytes that the entry takes as ASCII-only JSON."""
    value = "" if isinstance(entry, MetricPoint) else dumps(entry.value)
    return _BYTES_AROUND_AN_ENTRY + len(dumps(entry.key)) + len(value)


def content_of(
    delivery: Delivery,
    project: str,
    limits: ServerLimits = NEWEST,
    names: Names = NEWEST_NAMES,
    pages: str | None = None,
) -> MlflowContent:
    extracted = extract(delivery.result, project, names)
    texts = _param_texts(extracted)
    keys = extracted.keys((*texts, *extracted.metrics), limits.keys, folds_case=limits.folds_case)
    params = {keys[path]: text for path, text in texts.items()}
    tags = _tags(delivery, extracted, page_of(delivery.result, pages))
    timestamp = to_ms(extracted.started_at)
    adjusted = (
        *extracted.notes,
        *renamed(keys),
        *_moved(extracted.started_at),
        *_adjusted("tag", tags, limits.longest_tag),
        *_adjusted("parameter", params, limits.longest_param),
        *_adjusted("run", {"name": extracted.run_name}, LONGEST_NAME),
    )
    if adjusted:
        tags[ADJUSTED_TAG] = "; ".join(adjusted)
    return MlflowContent(
        name=shorten(storable(extracted.run_name), LONGEST_NAME),
        started_at=extracted.started_at,
        tags={key: shorten(storable(value), limits.longest_tag) for key, value in tags.items()},
        params={
            key: shorten(storable(value), limits.longest_param) for key, value in params.items()
        },
        points=[
            MetricPoint(keys[path], value, timestamp) for path, value in extracted.metrics.items()
        ],
        adjusted=adjusted,
    )


def _adjusted(kind: str, texts: Mapping[str, str], longest: int) -> Iterator[str]:
    for key, text in texts.items():
        if len(text) > longest:
            yield f"{kind} {key} is shortened from {len(text)} characters"
        elif storable(text) != text:
            yield f"{kind} {key} holds characters that databases refuse; they are replaced"


def _moved(moment: datetime) -> Iterator[str]:
    if moment < _EARLIEST:
        yield f"time {moment.isoformat()} is before 1970 and is sent as its begin"


def _param_texts(extracted: Extract) -> dict[tuple[str, ...], str]:
    scalars = {path: str(value) for path, value in extracted.params.items()}
    return scalars | {path: dumps(value) for path, value in extracted.nested_params.items()}


def _tags(delivery: Delivery, extracted: Extract, page: str | None) -> dict[str, str]:
    """Returns the tags in the order of MLflow's page: first what people look for, our own key last."""
    return {
        **{key: summary_text(value) for key, value in extracted.summary.items()},
        **extracted.tags,
        **({"mlflow.user": delivery.result.user_id} if delivery.result.user_id else {}),
        "mlflow.source.name": "fairmind-sync",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": describe(extracted, page),
        DELIVERY_KEY_TAG: delivery.key,
    }
