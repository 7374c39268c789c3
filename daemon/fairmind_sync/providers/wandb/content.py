"""Turns a result into a run's content for W&B: config, history
row, summary, tags, digest, within W&B's limits.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from fairmind_sync.providers.wandb.run_files import RunFiles, files_of
from fairmind_sync.results import plain_json
from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.evidence_states import EvidenceKind
from fairmind_sync.results.extraction import extract
from fairmind_sync.results.keys import KeyRules, renamed
from fairmind_sync.results.name_choice import NEWEST_NAMES, Names
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.run_description import describe, page_of
from fairmind_sync.text import shorten, storable, storable_key

KEY_RULES = KeyRules(
    re.compile(r"(?!_|fairmind_sync$)[\w.\- :]+"), re.compile(r"[^\w.\- :]"), longest=250
)
LONGEST_NAME, LONGEST_TAG, LONGEST_DESCRIPTION = 128, 64, 10_000
LARGEST_ROW = 10_000_000
"""Bytes; W&B drops larger rows without a word, and the run still finishes (10.38 MB, measured)."""
LARGEST_CONFIG = 15_000_000
"""Bytes; W&B refuses a run with a larger config."""
PROOF = "fairmind_sync"
_EXACT_INTEGERS = 2**63


@dataclass(frozen=True, slots=True)
class WandbContent:
    """A run's content; `summary[PROOF]['digest']` is the digest of name, config, row, summary and tags."""

    name: str
    config: dict[str, Json]
    row: dict[str, Any]
    summary: dict[str, Any]
    tags: list[str]
    group: str
    job_type: str
    description: str
    files: RunFiles
    digest: str
    adjusted: tuple[str, ...]

    def is_too_large(self) -> bool:
        parts = (
            (self.row, LARGEST_ROW),
            (self.summary, LARGEST_ROW),
            (self.config, LARGEST_CONFIG),
        )
        return any(len(plain_json.dumps(part)) > largest for part, largest in parts)


def content_of(
    delivery: Delivery,
    project: str,
    names: Names = NEWEST_NAMES,
    evidence: EvidenceKind = "full",
    pages: str | None = None,
    *,
    marks_content: bool = False,
) -> WandbContent:
    """Returns the run's content; `marks_content`: with what finds the run if its delivery key is lost."""
    extracted = extract(delivery.result, project, names)
    params = extracted.params | extracted.nested_params
    keys = extracted.keys((*params, *extracted.metrics), KEY_RULES)
    notes = [*extracted.notes, *renamed(keys)]
    config = {keys[path]: _exact(keys[path], value, notes) for path, value in params.items()}
    files = files_of(delivery.result, evidence)
    row = {**files.pointers, **{keys[path]: value for path, value in extracted.metrics.items()}}
    summary = {  # beside the row, whose values W&B's SDK puts there; it takes True for no other value than 1
        key: _exact(key, value, notes) for key, value in extracted.summary.items() if key not in row
    }
    named = [tag for tag in dict.fromkeys(extracted.tags.values()) if tag]
    tags = [_fit("tag", tag, LONGEST_TAG, notes) for tag in named]
    name = _fit("run name", extracted.run_name, LONGEST_NAME, notes)
    digest = plain_json.digest([name, config, row, summary, list(tags)])  # type: ignore[list-item]  # dict is invariant
    saved_at = extracted.started_at
    mark = {"content": content_digest(delivery.result)} if marks_content else {}
    return WandbContent(
        name=name,
        config=config,
        row={**row, "_timestamp": saved_at.timestamp()} if row else {},
        summary={**summary, PROOF: {"digest": digest, "saved_at": saved_at.isoformat(), **mark}},
        tags=tags,
        group=_fit("group", delivery.result.model_id, LONGEST_NAME, notes),
        job_type=_fit("job type", delivery.result.test_type, LONGEST_NAME, notes),
        description=shorten(
            storable(describe(extracted, page_of(delivery.result, pages))), LONGEST_DESCRIPTION
        ),
        files=files,
        digest=digest,
        adjusted=tuple(notes),
    )


def _fit(kind: str, text: str, longest: int, notes: list[str]) -> str:
    fitted = shorten(storable(text), longest)
    if fitted != text:
        notes.append(f"{kind} {text!r} is sent as {fitted!r}")
    return fitted


def _exact(key: str, value: Json, notes: list[str]) -> Json:
    sent = _as_wandb_keeps_it(value)
    if plain_json.dumps(sent) != plain_json.dumps(value):
        notes.append(f"{key} holds values that W&B would change; they are sent as text")
    return sent


def _as_wandb_keeps_it(value: Json) -> Json:
    """Returns the value with text for what W&B would change: nested NaN to null, large integers to floats."""
    match value:
        case dict():
            return {storable_key(key): _as_wandb_keeps_it(item) for key, item in value.items()}
        case list():
            return [_as_wandb_keeps_it(item) for item in value]
        case str():
            return storable(value)
        case float() if not math.isfinite(value):
            return plain_json.dumps(value)
        case int() if not -_EXACT_INTEGERS <= value < _EXACT_INTEGERS:
            return str(value)
        case _:
            return value
