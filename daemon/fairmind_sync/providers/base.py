"""What a provider is to the relay: a probe, and deliveries that turn into outcomes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import structlog

from fairmind_sync.delivery import Delivery, Run
from fairmind_sync.errors import FairmindSyncError, LeaseLostError
from fairmind_sync.provider_names import ProviderName

if TYPE_CHECKING:
    from fairmind_sync.lookup import Standing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider has confirmed that it holds the whole run."""

    run: Run
    destination: str


@dataclass(frozen=True, slots=True)
class Retry:
    """It may succeed later. `after` is the least to wait, as the server or the provider's rules demand."""

    kind: str
    reason: str
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Dead:
    """It never will succeed as it stands."""

    kind: str
    reason: str


Outcome: TypeAlias = Delivered | Retry | Dead
Report: TypeAlias = tuple[Delivery, Outcome]
_Result = TypeVar("_Result")


class ProviderUnavailableError(FairmindSyncError):
    """The provider takes nothing at present; no delivery is to blame."""


class ProviderOfflineError(ProviderUnavailableError):
    """The provider can't be reached at `address`, or asked to be left alone for `after`."""

    def __init__(
        self, message: str, after: timedelta = timedelta(), *, address: str | None = None
    ) -> None:
        super().__init__(message)
        self.after = after
        self.address = address


class ProviderBlockedError(ProviderUnavailableError):
    """The provider refuses us until somebody fixes what the message names."""


class ProviderBrokenError(FairmindSyncError):
    """What the provider needs in this process has died; only a fresh worker process helps."""


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


class Provider(Protocol):
    """A destination. Only its own file knows its SDK and the SDK's errors."""

    name: ProviderName
    batch_size: int

    def probe(self) -> None:
        """Asks the provider, cheaply, whether it takes runs.

        Raises:
            ProviderUnavailableError: it doesn't; says why.
        """

    def deliver(
        self, deliveries: Sequence[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[Report]:
        """Yields an outcome for each delivery that was tried, in any order.

        `may_start` is asked before each one; those not started get no outcome.

        Raises:
            ProviderUnavailableError: after the outcomes of those that were under way.
        """

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """Finds runs that contradict what is recorded, and repairs them.

        `suspects` are the delivery keys whose attempts may have left something behind.

        Raises:
            ProviderUnavailableError: it can't be told.
        """

    def close(self) -> None:
        """Lets go of connections and helper processes."""


def run_in_threads(
    deliveries: Sequence[Delivery],
    work: Callable[[Delivery], _Result],
    may_start: Callable[[], bool],
    threads: int,
) -> Generator[tuple[Delivery, _Result | Retry]]:
    """Runs `work` for each delivery, `threads` at a time; otherwise as `Provider.deliver`."""
    waiting = list(reversed(deliveries))
    under_way: dict[Future[_Result | Retry], Delivery] = {}
    stopped_by: FairmindSyncError | None = None
    with ThreadPoolExecutor(threads, thread_name_prefix="deliver") as pool:
        while waiting or under_way:
            while waiting and len(under_way) < threads and not stopped_by and may_start():
                delivery = waiting.pop()
                under_way[pool.submit(_guarded, work, delivery)] = delivery
            if not under_way:
                break
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                delivery = under_way.pop(future)
                try:
                    yield delivery, future.result()
                except LeaseLostError:
                    log.warning("delivery.lease_lost", delivery=delivery.id)
                except FairmindSyncError as error:
                    stopped_by = stopped_by or error
    if stopped_by:
        raise stopped_by


def _guarded(work: Callable[[Delivery], _Result], delivery: Delivery) -> _Result | Retry:
    """An error that nobody foresaw is one delivery's, and counts as an attempt."""
    try:
        return work(delivery)
    except FairmindSyncError:
        raise
    except Exception as error:  # noqa: BLE001 the SDKs raise what they like
        return Retry("unexpected", f"{type(error).__name__}: {error}")
