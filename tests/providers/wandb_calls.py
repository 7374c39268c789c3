"""In the place of W&B's SDK: notes each call, and shows what was uploaded as a test says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers.wandb.content import WandbContent
from fairmind_sync.providers.wandb.held import Held
from fairmind_sync.providers.wandb.run_files import RunFiles
from fairmind_sync.results.delivery import Delivery, Run
from tests.support.values import SAVED_AT

KEY = "0" * 32


def shown(content: WandbContent, **changes: Any) -> Held:
    """What W&B holds of a run that is as it was sent."""
    whole = Held(
        state="finished",
        digest=content.digest,
        history_lines=1,
        config=content.config,
        tags=frozenset(content.tags),
        notes=content.description,
        shapes={"group": content.group, "job type": content.job_type},
        files={},
        run=Run(KEY, "http://run"),
        destination="e/p",
    )
    return replace(whole, **changes)


@dataclass
class Sdk:
    """Shows what was uploaded, with `changes`, from the `after`th look on; uploads raise `trouble`."""

    trouble: Exception | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    after: int = 1
    found: Held | None = None
    project: bool = True
    held: dict[str, Held] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    is_clean: bool = True
    trouble_of_files: Exception | None = None
    away: Exception | None = None
    is_deaf: bool = False
    """Files are added without an error, and the run's end goes nowhere."""
    stream: Exception | None = None

    def probe(self) -> None:
        self.calls.append(("probe",))
        if self.away:
            raise self.away

    def upload(self, key: str, content: WandbContent, *, with_files: bool) -> None:
        self.calls.append(("upload", key, with_files))
        if self.trouble:
            self.is_clean = False
            raise self.trouble
        self.held[key] = shown(content, run=Run(key, "http://run"), **self.changes)

    def add_files(self, key: str, files: RunFiles) -> None:
        self.calls.append(("add_files", key, [*files.contents]))
        if self.trouble_of_files:
            self.is_clean = False
            raise self.trouble_of_files
        if key in self.held and not self.is_deaf:
            self.held[key] = replace(self.held[key], state="finished")

    def read_back(self, keys: Iterable[str]) -> dict[str, Held]:
        self.calls.append(("read", [*keys]))
        self.after -= 1
        return {} if self.after > 0 else {key: self.held[key] for key in keys if key in self.held}

    def find_finished(self, test_id: str, digest: str) -> Held | None:
        self.calls.append(("find", test_id, len(digest)))
        return self.found

    def require_stream(self, key: str) -> None:
        self.calls.append(("stream", key))
        if self.stream:
            raise self.stream

    def shows_the_project(self) -> bool:
        return self.project

    def leads_elsewhere(self, destination: str | None) -> bool:
        return destination not in (None, "e/p")

    def restart(self) -> None:
        self.calls.append(("restart",))
        self.is_clean = True

    def made(self, name: str) -> list[list[Any]]:
        return [given for called, *given in self.calls if called == name]


@dataclass
class Notes:
    """A journal and a ledger."""

    told: list[tuple[str, str]] = field(default_factory=list)
    standings: dict[str, str] = field(default_factory=dict)
    is_sendable: bool = True
    destination: str | None = None
    has_run: bool = True

    def creating(self, _delivery: Delivery, destination: str) -> None:
        self.told.append(("creating", destination))

    def created(self, one: Delivery, run_id: str) -> None:
        assert one.provider  # the delivery is told
        self.told.append(("created", run_id))

    def not_created(self, _delivery: Delivery) -> None:
        raise AssertionError

    progressed = not_created

    def standing(self, key: str) -> Standing | None:
        status = self.standings.get(key)
        run_id = key if self.has_run else None
        return None if status is None else Standing(status, run_id, SAVED_AT, self.destination)

    def deliver_again(self, key: str, reason: str) -> bool:
        self.told.append((key, reason))
        return self.is_sendable

    def note_abandoned(self, _key: str, _run_id: str) -> bool:
        raise AssertionError

    def note_deleted(self, key: str) -> None:
        self.told.append((key, "deleted"))
