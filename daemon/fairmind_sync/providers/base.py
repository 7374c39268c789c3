"""The interface between relay and providers: `Provider`, its folder, its journal and ledger; outcomes
Delivered, Retry, Dead.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Delivery, OwedEvidence, Run

if TYPE_CHECKING:
    from fairmind_sync.errors import ProviderOfflineError
    from fairmind_sync.outbox.unclean_attempts import Standing
    from fairmind_sync.results.error_kinds import ErrorKind
    from fairmind_sync.results.evidence_states import EvidenceState
    from fairmind_sync.settings import Settings


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider has confirmed that it holds the whole run; `evidence` is None where none was asked for."""

    run: Run
    destination: str
    evidence: EvidenceState | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """The delivery may succeed later; `after` is the shortest wait that the server or our rules demand.

    `at_most` is how many attempts that fail in this kind are worth making. Where
    nothing failed so far, `is_counted` is false, and the attempt doesn't count.
    """

    kind: ErrorKind
    reason: str
    after: timedelta = timedelta()
    at_most: int | None = None
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Dead:
    """The delivery will never succeed as it stands."""

    kind: ErrorKind
    reason: str


Outcome: TypeAlias = Delivered | Retry | Dead
Report: TypeAlias = tuple[Delivery, Outcome]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a provider's folder tells of its settings; `remedy` is what could be done, also if all is well."""

    what: str
    detail: str
    remedy: str
    is_wrong: bool


class Journal(Protocol):
    """Keeps what has to be durable in the middle of a delivery.

    Each call commits before the call returns. All but `not_created` raise LeaseLostError where another worker
    has the delivery now. After `created` and `progressed` the lease and the batch have their whole time anew.
    """

    def creating(self, delivery: Delivery, destination: str) -> None:
        """Records, before a request, that the request may make a run at the destination."""

    def not_created(self, delivery: Delivery) -> None:
        """Takes `creating` back: the request certainly never reached the provider."""

    def created(self, delivery: Delivery, run_id: str) -> None:
        """Records the run that the provider made for the delivery, now or in an earlier attempt."""

    def progressed(self, delivery: Delivery) -> None:
        """Tells that a long delivery came a step further."""


class Ledger(Protocol):
    """What is recorded of deliveries, for comparison with the runs that the provider holds."""

    def standing(self, key: str) -> Standing | None:
        """Returns what is recorded of the delivery with this key; None for a key of another database."""

    def deliver_again(self, key: str, reason: str) -> bool:
        """Has a delivered result delivered again, because its run is no longer complete at the provider.

        Returns:
            Whether the result will be: nothing can be sent whose content is erased, or that another site has.
        """

    def note_abandoned(self, key: str, run_id: str) -> bool:
        """Records the run of a delivery that is given up; returns whether it is, and has no other run."""

    def note_deleted(self, key: str) -> None:
        """Records that somebody deleted the run of a delivered result at the provider."""


class ProviderFolder(Protocol):
    """What `providers/<name>/__init__.py` exports; an import of the folder must not import the SDK."""

    PACKAGE: str
    """The package that has to be installed, which is also the name of our extra."""

    TITLE: str
    """The provider's name as people write it."""

    PROCESSES: int
    """How many worker processes a large backlog is worth."""

    def open_provider(self, settings: Settings) -> Provider:
        """Returns the provider, ready to use in this process; sets the SDK's own variables first."""

    def destination(self, settings: Settings) -> dict[str, str | None]:
        """Returns where the settings send results, without secrets, as `get_status` tells it."""

    def secrets(self, settings: Settings) -> list[str]:
        """Returns what only this provider may be told: passwords, tokens and keys, some maybe empty."""

    def remarks(self, settings: Settings) -> Iterable[Remark]:
        """Returns what `doctor` shall tell of the settings, beside whether the provider takes runs."""

    def unreachable(self, address: str, why: str) -> ProviderOfflineError:
        """Returns the error that nobody could be reached at the address, in the same words whoever tried."""

    def runs_per_second(self, settings: Settings) -> int | None:
        """Returns how many runs the provider may be given a second by all daemons; None: no limit."""


class Provider(Protocol):
    """A destination for runs; only the provider's own folder knows the SDK and the SDK's errors."""

    name: ProviderName
    batch_size: int

    def probe(self) -> None:
        """Asks the provider, cheaply, whether it takes runs.

        Raises:
            ProviderUnavailableError: the provider takes no runs; the message says why.
        """

    def deliver(
        self, deliveries: Iterable[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[list[Report]]:
        """Yields lists of outcomes, one for each delivery that was started, in any order.

        Takes a delivery from `deliveries` only shortly before its start, as to take one may claim more.
        `may_start` is asked before each start; a delivery that isn't started gets no outcome.

        Raises:
            ProviderUnavailableError: the provider stopped taking runs; raised after the outcomes of the
                deliveries that were under way.
        """

    def add_evidence(self, owed: OwedEvidence) -> EvidenceState:
        """Stores the evidence that a delivered run lacks, and reads it back; harmless to repeat.

        Raises:
            ProviderUnavailableError: the provider can't be asked now.
        """

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """Finds runs that contradict what is recorded, and repairs them.

        `suspects` are the delivery keys whose attempts may have left something behind.

        Raises:
            ProviderUnavailableError: the provider can't say now which runs it holds.
        """
