"""A whole provider in one file, as `providers/memory/__init__.py`: each run is a JSON file in a directory.

`MEMORY_DIRECTORY` is the directory, `MEMORY_TOKEN` a secret. A result of the type 'refused' is refused in
words that repeat the secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path

from fairmind_sync.errors import ProviderOfflineError
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.base import Dead, Delivered, Journal, Ledger, Outcome, Remark, Report
from fairmind_sync.providers.threads import run_in_threads
from fairmind_sync.results.delivery import Delivery, OwedEvidence, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState
from fairmind_sync.settings import Settings

PACKAGE = "json"
TITLE = "Memory"
PROCESSES = 1


class MemoryProvider:
    name: ProviderName = "memory"
    batch_size = 8

    def __init__(self, directory: Path, token: str) -> None:
        self._directory = directory
        self._token = token

    def probe(self) -> None:
        if not self._directory.is_dir():
            raise ProviderOfflineError(f"there is no directory {self._directory}")

    def deliver(
        self, deliveries: Iterable[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[list[Report]]:
        self.probe()
        yield from run_in_threads(
            deliveries, lambda delivery: self._write(delivery, journal), may_start, threads=2
        )

    def add_evidence(self, _owed: OwedEvidence) -> EvidenceState:
        """A run is a file of its own, and asks for no evidence."""
        return ALL_STORED

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """A file is there or isn't: nothing is left half done."""

    def _write(self, delivery: Delivery, journal: Journal) -> Outcome:
        if delivery.result.test_type == "refused":
            return Dead(ErrorKind.REJECTED, f"the token {self._token} may not write this")
        journal.creating(delivery, str(self._directory))
        held = self._directory / f"{delivery.key}.json"
        held.write_text(json.dumps(delivery.result.results))
        return Delivered(Run(delivery.key, held.as_uri()), str(self._directory))


def open_provider(_settings: Settings) -> MemoryProvider:
    return MemoryProvider(Path(os.environ["MEMORY_DIRECTORY"]), os.environ["MEMORY_TOKEN"])


def destination(_settings: Settings) -> dict[str, str | None]:
    return {"directory": os.environ.get("MEMORY_DIRECTORY")}


def secrets(_settings: Settings) -> list[str]:
    return [os.environ.get("MEMORY_TOKEN", "")]


def remarks(_settings: Settings) -> tuple[Remark, ...]:
    return ()


def runs_per_second(_settings: Settings) -> None:
    """As many as there are."""
