"""A result as MLflow holds it: tags, parameters and points, within MLflow's limits. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from fairmind_sync.delivery import Delivery
from fairmind_sync.extraction import Extract, Scalar, describe, extract, summary_text
from fairmind_sync.naming import KeyRules, key_for, shorten, storable
from fairmind_sync.payload import dumps
from fairmind_sync.providers.mlflow.api import Point, to_ms

DELIVERY_KEY_TAG = "fairmind.delivery_key"
KEY_RULES = KeyRules(re.compile(r"[\w.\- :]+"), re.compile(r"[^\w.\- :]"), longest=250)
LONGEST_PARAM, LONGEST_TAG, LONGEST_NAME = 6_000, 8_000, 250
MOST_POINTS, MOST_PARAMS = 900, 20
"""A batch holds at most 1,000 entries, 100 of them parameters, in 1 MB: 20 long ones fit, even escaped."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one log-batch request carries."""

    points: Sequence[Point]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Content:
    """A run's content; `adjusted` says what could not go in as it is."""

    name: str
    started_at: datetime
    tags: dict[str, str]
    params: dict[str, str]
    points: list[Point]
    adjusted: tuple[str, ...]

    def batches(self) -> Iterator[Batch]:
        """In the order they are to be sent."""
        points, params = iter(self.points), iter(self.params.items())
        while True:
            batch = Batch([*islice(points, MOST_POINTS)], dict(islice(params, MOST_PARAMS)))
            if not batch.points and not batch.params:
                return
            yield batch


def content_of(delivery: Delivery, project: str) -> Content:
    extracted = extract(delivery.result, project)
    params = {key_for(path, KEY_RULES): text for path, text in _param_texts(extracted).items()}
    tags = _tags(delivery, extracted)
    timestamp = to_ms(extracted.started_at)
    return Content(
        name=shorten(storable(extracted.run_name), LONGEST_NAME),
        started_at=extracted.started_at,
        tags={key: shorten(storable(value), LONGEST_TAG) for key, value in tags.items()},
        params={key: shorten(storable(value), LONGEST_PARAM) for key, value in params.items()},
        points=[
            Point(key_for(path, KEY_RULES), value, timestamp)
            for path, value in extracted.metrics.items()
        ],
        adjusted=(
            *(f"metric {skipped} can't be held" for skipped in extracted.skipped),
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
