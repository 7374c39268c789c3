"""What a provider is: a folder that opens it, a probe, and deliveries that turn into outcomes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias

import structlog

from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Delivery, Run

if TYPE_CHECKING:
    from fairmind_sync.outbox.unclean_attempts import Standing
    from fairmind_sync.results.error_kinds import ErrorKind
    from fairmind_sync.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider has confirmed that it holds the whole run."""

    run: Run
    destination: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The delivery may succeed later; `after` is the least to wait, as the server or the rules demand."""

    kind: ErrorKind
    reason: str
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Dead:
    """The delivery will never succeed as it stands."""

    kind: ErrorKind
    reason: str


Outcome: TypeAlias = Delivered | Retry | Dead
Report: TypeAlias = tuple[Delivery, Outcome]


class Journal(Protocol):
    """What has to be durable in the middle of a delivery. Each call commits, or raises LeaseLostError."""

    def creating(self, delivery: Delivery, destination: str) -> None:
        """Before a request that may make a run at the destination."""

    def not_created(self, delivery: Delivery) -> None:
        """That request certainly never reached the provider."""

    def created(self, delivery: Delivery, run_id: str) -> None:
        """The provider made this run for it."""


class Ledger(Protocol):
    """What is recorded, for comparison with what the provider holds."""

    def standing(self, key: str) -> Standing | None:
        """The delivery with this key; None if it is another database's."""

    def deliver_again(self, key: str, reason: str) -> None:
        """What was delivered is complete no longer."""


class ProviderFolder(Protocol):
    """What `providers/<name>/__init__.py` exports. To import it must not import the provider's SDK."""

    PACKAGE: str
    """The package that has to be installed, which is also the name of our extra."""

    PROCESSES: int
    """How many worker processes a large backlog is worth."""

    def open_provider(self, settings: Settings) -> Provider:
        """Returns the provider, ready to use in this process; sets the SDK's own variables first."""

    def destination(self, settings: Settings) -> dict[str, str | None]:
        """Returns where the settings send results, without secrets, as `get_status` tells it."""

    def secrets(self, settings: Settings) -> list[str]:
        """Returns what only this provider may be told: passwords, tokens and keys, some maybe empty."""

    def runs_per_second(self, settings: Settings) -> int | None:
        """Returns how many runs the provider may be given a second by all daemons; None: no limit."""


class Provider(Protocol):
    """A destination. Only its own folder knows its SDK and the SDK's errors."""

    name: ProviderName
    batch_size: int

    def probe(self) -> None:
        """Asks the provider, cheaply, whether it takes runs.

        Raises:
            ProviderUnavailableError: it doesn't; says why.
        """

    def deliver(
        self, deliveries: Iterable[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[list[Report]]:
        """Yields an outcome for each delivery that was tried, in any order, as many at once as there are.

        Takes from `deliveries`, which may be claimed while others are under way, only what it can start
        soon. `may_start` is asked before each one; those not started get no outcome.

        Raises:
            ProviderUnavailableError: after the outcomes of those that were under way.
        """

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """Finds runs that contradict what is recorded, and repairs them.

        `suspects` are the delivery keys whose attempts may have left something behind.

        Raises:
            ProviderUnavailableError: it can't be told.
        """


def log_adjustments(delivery: Delivery, adjusted: Sequence[str]) -> None:
    """Logs what of a delivery's content was made legal or shortened, if anything was."""
    if adjusted:
        log.warning("delivery.content_adjusted", delivery=delivery.id, adjusted=tuple(adjusted))
