"""For tests, ours and those of users: a provider in memory that fails as a script says, and results to save.

provider = FakeProvider("mlflow")
Relay(engine, provider, max_attempts=3).drain()
assert provider.runs
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from fairmind_sync.errors import ProviderUnavailableError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.base import Delivered, Journal, Ledger, Outcome, Report
from fairmind_sync.providers.threads import run_in_threads
from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.delivery import Delivery, NewResult, OwedEvidence, Run
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState

_numbers = count(1)


@dataclass
class FakeProvider:
    """A provider that holds its runs in memory, by delivery key, and fails as a test wants.

    `script` holds, for each of the next deliveries, an outcome to return, an error to raise, or None where
    the delivery succeeds; once the script is empty, every delivery succeeds. While `unavailable` is set, the
    probe and deliveries raise that error. `evidence` is what becomes of every run's evidence.
    `finds_lost_runs` is as FAIRMIND_SYNC_FIND_LOST_RUNS has it.
    """

    name: ProviderName = "mlflow"
    batch_size: int = 10
    script: list[Outcome | Exception | None] = field(default_factory=list)
    unavailable: ProviderUnavailableError | None = None
    evidence: EvidenceState | None = None
    runs: dict[str, Delivery] = field(default_factory=dict)
    probes: int = 0
    finds_lost_runs: bool = False

    def probe(self) -> None:
        self.probes += 1
        self._refuse_if_unavailable()

    def deliver(
        self, deliveries: Iterable[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[list[Report]]:
        self._refuse_if_unavailable()
        yield from run_in_threads(
            deliveries, lambda delivery: self._deliver_one(delivery, journal), may_start, threads=1
        )

    def add_evidence(self, owed: OwedEvidence) -> EvidenceState:  # noqa: ARG002 all are alike
        self._refuse_if_unavailable()
        return self.evidence or ALL_STORED

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """Does nothing: no attempt leaves a run behind in memory."""

    def _refuse_if_unavailable(self) -> None:
        """Raises `unavailable` if it is set, without the traceback of earlier raises, which would grow."""
        if self.unavailable:
            raise self.unavailable.with_traceback(None)

    def _deliver_one(self, delivery: Delivery, journal: Journal) -> Outcome:
        self._refuse_if_unavailable()
        if self.script:
            scripted = self.script.pop(0)
            if isinstance(scripted, Exception):
                raise scripted
            if scripted is not None:
                return scripted
        key = (self._lost_key(delivery) if self.finds_lost_runs else None) or delivery.key
        run_id = f"run-{key}"
        if key == delivery.key:
            journal.creating(delivery, "memory")
            journal.created(delivery, run_id)
            self.runs[key] = delivery
        run = Run(run_id, f"https://fake.example/{run_id}")
        return Delivered(run, "memory", self.evidence)

    def _lost_key(self, delivery: Delivery) -> str | None:
        """Returns the key of a run of the same content."""
        digest = content_digest(delivery.result)
        found = (key for key, one in self.runs.items() if content_digest(one.result) == digest)
        return next(found, None)


def new_result(**changes: Any) -> NewResult:
    """Returns a result, ready to be saved, with a new test id; keywords replace the arguments of a save."""
    arguments: dict[str, Any] = {
        "test_id": f"test-{next(_numbers)}",
        "user_id": "user-1",
        "model_id": "model-1",
        "dataset_id": "dataset-1",
        "test_type": "ml_bias",
        "results": {"accuracy": 0.85, "bias_score": 0.12},
        "metadata": {"model_type": "classification"},
    }
    return prepare(**(arguments | changes), private_fields=())
