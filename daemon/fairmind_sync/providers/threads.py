"""Runs a batch's deliveries side by side in threads; an unavailable
provider stops them all, an unforeseen error fails one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from fairmind_sync import tracing
from fairmind_sync.errors import FairmindSyncError, LeaseLostError
from fairmind_sync.event_log import get_logger
from fairmind_sync.providers.base import Retry
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind

log = get_logger()
_Result = TypeVar("_Result")
_Item = TypeVar("_Item")


def _pool(threads: int) -> Executor:
    return ThreadPoolExecutor(threads, thread_name_prefix="deliver")


@dataclass(frozen=True, slots=True)
class Threads:
    """How work runs side by side: in threads of the system, where nothing else is said."""

    pool: Callable[[int], Executor] = _pool
    queue: Callable[[], SimpleQueue[Any]] = SimpleQueue


OF_THE_SYSTEM = Threads()


def run_in_threads(
    deliveries: Iterable[Delivery],
    work: Callable[[Delivery], _Result],
    may_start: Callable[[], bool],
    threads: int,
    by: Threads = OF_THE_SYSTEM,
) -> Generator[list[tuple[Delivery, _Result | Retry]]]:
    """Runs `work` for each delivery, `threads` at a time; yields and raises as `Provider.deliver` does."""
    feed = iter(deliveries)
    crew = _Crew(work, may_start, threads, by)
    try:
        while crew.takes(feed):
            if reports := crew.reports():
                yield reports
    finally:
        crew.close()
    if crew.stopped_by:
        raise crew.stopped_by


class _Crew(Generic[_Result]):
    """Threads at work on deliveries; an error that isn't one delivery's own stops all threads.

    As many deliveries as there are threads wait in the pool's queue, so that no thread idles while the caller
    records outcomes.
    """

    def __init__(
        self,
        work: Callable[[Delivery], _Result],
        may_start: Callable[[], bool],
        threads: int,
        by: Threads,
    ) -> None:
        self.stopped_by: FairmindSyncError | None = None
        self._work = work
        self._may_start = may_start
        self._most = 2 * threads
        self._pool = by.pool(threads)
        self._under_way: dict[Future[_Result | Retry | None], Delivery] = {}
        self._ended: SimpleQueue[Future[_Result | Retry | None]] = by.queue()

    def takes(self, feed: Iterator[Delivery]) -> bool:
        """Fills the pool's queue from the feed; returns whether anything is under way."""
        while len(self._under_way) < self._most and self._goes_on():
            delivery = next(feed, None)
            if delivery is None:
                break
            future = self._pool.submit(self._run, delivery)
            self._under_way[future] = delivery
            future.add_done_callback(self._ended.put)
        return bool(self._under_way)

    def reports(self) -> list[tuple[Delivery, _Result | Retry]]:
        """Returns the outcomes of what has ended; waits until something has."""
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
        """Waits for what is under way; starts nothing that waits in the pool's queue."""
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
        except FairmindSyncError as error:  # set here, before this thread starts its next delivery
            self.stopped_by = self.stopped_by or error
            return None


def _all_in(queue: SimpleQueue[_Item]) -> Iterator[_Item]:
    """Yields what is in the queue now; waits until something is."""
    yield queue.get()
    with suppress(Empty):
        while True:
            yield queue.get_nowait()


def _guarded(work: Callable[[Delivery], _Result], delivery: Delivery) -> _Result | Retry:
    """Runs the work; an error that nobody foresaw fails this attempt of this delivery alone."""
    try:
        with tracing.current().working_on(delivery):
            return work(delivery)
    except FairmindSyncError:
        raise
    except Exception as error:  # noqa: BLE001 the SDKs raise what they like
        return Retry(ErrorKind.UNEXPECTED, f"{type(error).__name__}: {error}")
