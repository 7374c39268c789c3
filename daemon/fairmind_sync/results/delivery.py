"""The values that pass between packages, without logic: new and saved
result, delivery, run, owed evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class SavedResult:
    """A result as saved; `user_id` and `dataset_id` are empty where none was given."""

    test_id: str
    user_id: str
    revision: int
    model_id: str
    dataset_id: str
    test_type: str
    results: dict[str, Json]
    metadata: dict[str, Json]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run that the provider holds; `url` is as the provider gave it, None where runs have no pages."""

    id: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery.

    `enqueued_at` is when the delivery was saved, `claimed_at` when this attempt began, both by the database's
    clock, the only one that all hosts share. Where `create_attempted_at` is set, an earlier attempt may have
    made a run, whose id is `run_id` if that is known. `key` is 32 hexadecimal characters, the same at every
    attempt.
    """

    id: int
    provider: ProviderName
    key: str
    lease_token: str
    attempts: int
    enqueued_at: datetime
    claimed_at: datetime
    create_attempted_at: datetime | None
    run_id: str | None
    result: SavedResult


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A delivery that was just made, of which nothing but its names is known."""

    id: int
    provider: ProviderName
    key: str
    test_id: str


@dataclass(frozen=True, slots=True)
class OwedEvidence:
    """The evidence that a delivered run lacks; `key` and `destination` are those of the delivery."""

    delivery_id: int
    key: str
    run_id: str
    run_url: str | None
    destination: str | None
    delivered_at: datetime
    result: SavedResult


Identity: TypeAlias = tuple[str, str, str]
"""User id, test id and digest of the content; two results with one identity are the same result."""


@dataclass(frozen=True, slots=True)
class NewResult:
    """A result that is about to be saved; `results` and `metadata` are JSON text.

    `created_at` is set for an imported result, which is older than its save. `removed` tells, as JSON, how
    many private fields were left out, by pattern; None where none was.
    """

    test_id: str
    user_id: str
    model_id: str
    dataset_id: str
    test_type: str
    results: str
    metadata: str
    digest: str
    verdict: Verdict
    created_at: datetime | None = None
    removed: str | None = None

    @property
    def identity(self) -> Identity:
        return (self.user_id, self.test_id, self.digest)
