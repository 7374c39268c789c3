"""Runs deliveries in threads, and stops them all when the provider is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import structlog

from fairmind_sync.errors import FairmindSyncError, LeaseLostError
from fairmind_sync.providers.base import Retry
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind

log = structlog.get_logger()
_Result = TypeVar("_Result")
_Item = TypeVar("_Item")


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
        return Retry(ErrorKind.UNEXPECTED, f"{type(error).__name__}: {error}")
