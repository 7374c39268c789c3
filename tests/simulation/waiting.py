"""Locks, events, queues and pools that wait in virtual time, in the place of those of `threading`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import Empty
from typing import Any

from fairmind_sync.providers.threads import Threads
from tests.simulation.world import Killed, Process


class Waiters:
    """Strands that wait for the same thing."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._waiting: deque[list[Callable[[], None]]] = deque()

    def wait(self, seconds: float | None = None) -> None:
        """Suspends the running strand until `wake`, or for so long."""
        self._process.stop_if_dead()
        cell = [self._process.park()]
        self._waiting.append(cell)
        world = self._process.world
        late = None if seconds is None else world.after(seconds, lambda: self._run_out(cell))
        world.leave()
        if late is not None:
            world.drop(late)
        self._process.stop_if_dead()

    def wake(self, most: int = 1_000_000) -> None:
        while self._waiting and most > 0:
            cell = self._waiting.popleft()
            if cell:
                cell.pop()()
                most -= 1

    @staticmethod
    def _run_out(cell: list[Callable[[], None]]) -> None:
        if cell:
            cell.pop()()


class Lock:
    """A lock of a process's threads."""

    def __init__(self, process: Process) -> None:
        self._is_taken = False
        self._waiters = Waiters(process)

    def __enter__(self) -> None:
        while self._is_taken:
            self._waiters.wait()
        self._is_taken = True

    def __exit__(self, *_error: object) -> None:
        self._is_taken = False
        self._waiters.wake(1)


class Event:
    """A flag to wait for."""

    def __init__(self, process: Process) -> None:
        self._is_set = False
        self._waiters = Waiters(process)

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self._waiters.wake()

    def nudge(self) -> None:
        """Ends all waiting early, without the flag."""
        self._waiters.wake()

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._waiters.wait(timeout)
        return self._is_set


class Queue:
    """A queue between a process's threads."""

    def __init__(self, process: Process) -> None:
        self._items: deque[Any] = deque()
        self._waiters = Waiters(process)

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._waiters.wake(1)

    def get(self) -> Any:
        while not self._items:
            self._waiters.wait()
        return self._items.popleft()

    def get_nowait(self) -> Any:
        if not self._items:
            raise Empty
        return self._items.popleft()


class Pool(Executor):
    """So many threads of a process, which take work in its order."""

    def __init__(self, process: Process, threads: int) -> None:
        self._process = process
        self._idle = threads
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._ended = Waiters(process)
        self._busy = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        self._go_on()
        return future

    def _go_on(self) -> None:
        while self._idle and self._waiting:
            future, work = self._waiting.popleft()
            self._idle -= 1
            self._busy += 1
            self._process.start(lambda f=future, w=work: self._run(f, w))  # type: ignore[misc]

    def _run(self, future: Future[Any], work: Callable[[], Any]) -> None:
        try:
            result = work()
        except Killed:
            raise
        except BaseException as error:  # noqa: BLE001 whoever asks for the result gets it
            future.set_exception(error)
        else:
            future.set_result(result)
        self._idle += 1
        self._busy -= 1
        self._go_on()
        self._ended.wake()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            while self._waiting:
                self._waiting.popleft()[0].cancel()
        while wait and self._busy and not self._process.is_dead:
            self._ended.wait()


def threads_of(process: Process) -> Threads:
    """How a provider's work runs side by side in the process."""
    return Threads(pool=lambda most: Pool(process, most), queue=lambda: Queue(process))  # type: ignore[arg-type,return-value]
