"""What a provider is to the relay: a probe, and deliveries that turn into outcomes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

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
_Item = TypeVar("_Item")


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

    def close(self) -> None:
        """Lets go of connections and helper processes."""


def run_in_threads(
    deliveries: Iterable[Delivery],
    work: Callable[[Delivery], _Result],
    may_start: Callable[[], bool],
    threads: int,
) -> Generator[list[tuple[Delivery, _Result | Retry]]]:
    """Runs `work` for each delivery, `threads` at a time; otherwise as `Provider.deliver`."""
    feed = iter(deliveries)
    crew = _Crew(work, may_start, threads)
    try:
        while crew.takes(feed):
            if reports := crew.reports():
                yield reports
    finally:
        crew.close()
    if crew.stopped_by:
        raise crew.stopped_by


class _Crew(Generic[_Result]):
    """Threads at work; an error that isn't one delivery's own stops them.

    As many deliveries again wait in line, so that no thread idles while the caller records.
    """

    def __init__(
        self, work: Callable[[Delivery], _Result], may_start: Callable[[], bool], threads: int
    ) -> None:
        self.stopped_by: FairmindSyncError | None = None
        self._work = work
        self._may_start = may_start
        self._most = 2 * threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="deliver")
        self._under_way: dict[Future[_Result | Retry | None], Delivery] = {}
        self._ended: SimpleQueue[Future[_Result | Retry | None]] = SimpleQueue()

    def takes(self, feed: Iterator[Delivery]) -> bool:
        """Fills the line; false if nothing is under way then."""
        while len(self._under_way) < self._most and self._goes_on():
            delivery = next(feed, None)
            if delivery is None:
                break
            future = self._pool.submit(self._run, delivery)
            self._under_way[future] = delivery
            future.add_done_callback(self._ended.put)
        return bool(self._under_way)

    def reports(self) -> list[tuple[Delivery, _Result | Retry]]:
        """Of what has ended; waits for the first."""
        found: list[tuple[Delivery, _Result | Retry]] = []
        for future in _all_in(self._ended):
            delivery = self._under_way.pop(future)
            try:
                result = future.result()
            except LeaseLostError:
                log.warning("delivery.lease_lost", delivery=delivery.id)
            else:
                if result is not None:
                    found.append((delivery, result))
        return found

    def close(self) -> None:
        """Waits for what is under way; what waits in line isn't started."""
        self._pool.shutdown(cancel_futures=True)

    def _goes_on(self) -> bool:
        return self.stopped_by is None and self._may_start()

    def _run(self, delivery: Delivery) -> _Result | Retry | None:
        if not self._goes_on():
            return None
        try:
            return _guarded(self._work, delivery)
        except LeaseLostError:
            raise
        except FairmindSyncError as error:  # noted here, before this thread begins with the next
            self.stopped_by = self.stopped_by or error
            return None


def _all_in(queue: SimpleQueue[_Item]) -> Iterator[_Item]:
    """What is in it now; waits for the first."""
    yield queue.get()
    with suppress(Empty):
        while True:
            yield queue.get_nowait()


def _guarded(work: Callable[[Delivery], _Result], delivery: Delivery) -> _Result | Retry:
    """An error that nobody foresaw is one delivery's, and counts as an attempt."""
    try:
        return work(delivery)
    except FairmindSyncError:
        raise
    except Exception as error:  # noqa: BLE001 the SDKs raise what they like
        return Retry("unexpected", f"{type(error).__name__}: {error}")
