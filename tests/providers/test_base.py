"""Deliveries in threads: how many, which start, and what becomes of their errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue
from typing import Any, TypeAlias

import pytest

from fairmind_sync.errors import (
    LeaseLostError,
    ProviderBlockedError,
    ProviderBrokenError,
    ProviderOfflineError,
)
from fairmind_sync.providers import threads
from fairmind_sync.providers.base import Retry
from fairmind_sync.providers.retry_after import retry_after
from fairmind_sync.providers.threads import _all_in, run_in_threads
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from tests.providers.noted_requests import noted_requests
from tests.support.log_events import captured_logs
from tests.support.values import delivery

Work: TypeAlias = Callable[[Delivery], str]
WAIT_S = 30
"""Longer than any thread here needs; only a failing test waits so long."""
HEAD_START_S = 0.5
"""For what must not come: on a slower machine a test that should fail may pass, never the other way."""


def numbered(count: int) -> list[Delivery]:
    return [replace(delivery(), id=number) for number in range(1, count + 1)]


def run(
    count: int,
    work: Work,
    threads: int = 1,
    may_start: Callable[[], bool] = lambda: True,
    results: list[tuple[int, str | Retry]] | None = None,
) -> list[tuple[int, str | Retry]]:
    """Each delivery's number and result, as they came; also in `results`, for when it ends in an error."""
    found = [] if results is None else results
    for reports in run_in_threads(numbered(count), work, may_start, threads):
        found += [(each.id, result) for each, result in reports]
    return found


def named(each: Delivery) -> str:
    return f"result {each.id}"


def failing(error: Exception, numbers: Iterable[int]) -> Work:
    """Work that fails with these deliveries."""

    def work(each: Delivery) -> str:
        if each.id in numbers:
            raise error
        return named(each)

    return work


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_each_delivery_has_its_result(threads: int) -> None:
    assert sorted(run(5, named, threads)) == [(n, f"result {n}") for n in range(1, 6)]


def test_no_delivery_has_no_result() -> None:
    assert run(0, named) == []


def test_deliveries_start_in_their_order() -> None:
    assert [number for number, _ in run(5, named)] == [1, 2, 3, 4, 5]


def test_as_many_run_at_once_as_there_are_threads() -> None:
    meeting = threading.Barrier(3, timeout=WAIT_S)

    def work(_each: Delivery) -> str:
        meeting.wait()
        return "met"

    assert [result for _, result in run(3, work, threads=3)] == ["met"] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_run_at_once_than_there_are_threads(threads: int) -> None:
    """One more than there may be has time to come, and is in line."""
    meeting = threading.Barrier(threads + 1)
    met: list[int] = []

    def work(each: Delivery) -> str:
        with suppress(threading.BrokenBarrierError):
            met.append(meeting.wait(HEAD_START_S))
        return ""

    run(2 * threads, work, threads=threads)
    assert met == []


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_again_wait_in_line_and_no_more(threads: int) -> None:
    taken: list[int] = []

    def feed() -> Iterator[Delivery]:
        for each in numbered(20):
            taken.append(each.id)
            yield each

    batches = run_in_threads(feed(), named, lambda: True, threads)
    next(batches)
    batches.close()
    assert len(taken) == 2 * threads


def test_the_line_is_filled_up_again_by_what_has_ended() -> None:
    taken: list[int] = []
    reported = 0

    def feed() -> Iterator[Delivery]:
        for each in numbered(20):
            taken.append(len(taken) - reported)
            yield each

    for reports in run_in_threads(feed(), named, lambda: True, 1):
        reported += len(reports)
    assert (reported, max(taken)) == (20, 1)


def test_what_ended_together_is_handed_over_together() -> None:
    both = threading.Barrier(2, timeout=WAIT_S)
    batches = run_in_threads(numbered(4), lambda _each: both.wait(), lambda: True, 2)
    next(batches)
    assert sum(len(reports) for reports in batches) <= 3


def test_a_result_is_handed_over_while_others_run() -> None:
    handed_over = threading.Event()

    def work(each: Delivery) -> str:
        return "first" if each.id == 1 else str(handed_over.wait(WAIT_S))

    found = []
    for reports in run_in_threads(numbered(2), work, lambda: True, 2):
        found += [result for _, result in reports]
        handed_over.set()
    assert found == ["first", "True"]


def test_where_none_may_start_none_does() -> None:
    assert run(3, named, may_start=lambda: False) == []


def test_those_that_may_not_start_any_more_have_no_result() -> None:
    started: list[int] = []

    def work(each: Delivery) -> str:
        started.append(each.id)
        return ""

    found = run(5, work, may_start=lambda: len(started) < 2)
    assert [number for number, _ in found] == [1, 2]


def test_an_error_that_nobody_foresaw_is_one_deliverys_own() -> None:
    found = run(3, failing(ValueError("a bug"), {2}))
    assert found[1] == (2, Retry(ErrorKind.UNEXPECTED, "ValueError: a bug"))


def test_an_error_that_nobody_foresaw_does_not_stop_the_others() -> None:
    found = run(3, failing(ValueError("a bug"), {2}))
    assert [result for number, result in found if number != 2] == ["result 1", "result 3"]


def test_a_lost_lease_has_no_result() -> None:
    assert [number for number, _ in run(3, failing(LeaseLostError(), {2}))] == [1, 3]


def test_a_lost_lease_is_logged() -> None:
    with captured_logs() as events:
        run(3, failing(LeaseLostError(), {2}))
    assert events == [{"event": "delivery.lease_lost", "delivery": 2, "log_level": "warning"}]


each_stop = pytest.mark.parametrize(
    "error",
    [ProviderOfflineError("away"), ProviderBlockedError("key"), ProviderBrokenError("dead")],
    ids=lambda error: type(error).__name__,
)


@each_stop
def test_a_provider_that_takes_no_more_stops_the_batch(error: Exception) -> None:
    results: list[tuple[int, str | Retry]] = []
    with pytest.raises(type(error), match=str(error)):
        run(4, failing(error, {2}), results=results)
    assert results == [(1, "result 1")]


@each_stop
def test_those_under_way_have_their_result_before_the_batch_stops(error: Exception) -> None:
    both_run, failed = threading.Barrier(2, timeout=WAIT_S), threading.Event()

    def work(each: Delivery) -> str:
        both_run.wait()
        if each.id == 1:
            failed.set()
            raise error
        return str(failed.wait(WAIT_S))

    results: list[tuple[int, str | Retry]] = []
    with pytest.raises(type(error)):
        run(2, work, threads=2, results=results)
    assert results == [(2, "True")]


def test_of_several_reasons_to_stop_the_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    both_run, first_is_known = threading.Barrier(2, timeout=WAIT_S), threading.Event()
    all_in = _all_in

    def tell(queue: SimpleQueue[Any]) -> Iterator[Any]:
        yield from all_in(queue)
        first_is_known.set()

    def work(each: Delivery) -> str:
        both_run.wait()
        if each.id == 2:
            first_is_known.wait(WAIT_S)
        raise ProviderOfflineError(f"error {each.id}")

    monkeypatch.setattr(threads, "_all_in", tell)
    with pytest.raises(ProviderOfflineError, match="error 1"):
        run(2, work, threads=2)


def test_a_batch_that_is_closed_early_waits_for_those_under_way() -> None:
    finished: list[int] = []
    both_run, may_finish = threading.Barrier(2, timeout=WAIT_S), threading.Event()

    def work(each: Delivery) -> str:
        both_run.wait()
        if each.id == 2:
            may_finish.wait(WAIT_S)
        finished.append(each.id)
        return ""

    batch = run_in_threads(numbered(2), work, lambda: True, 2)
    next(batch)
    may_finish.set()
    batch.close()
    assert finished == [1, 2]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"Retry-After": "1e999"}, 0),
        ({"Retry-After": "nan"}, 0),
        ({"retry-after": "7"}, 0),
    ],
)
def test_a_server_is_left_alone_for_as_long_as_it_says_in_seconds(
    headers: dict[str, str], seconds: float
) -> None:
    assert retry_after(headers) == timedelta(seconds=seconds)


def test_a_trace_is_told_which_delivery_a_thread_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    told = noted_requests(monkeypatch)
    run(2, named)
    assert told == [1, 2]


def test_the_threads_of_deliveries_are_named_for_them() -> None:
    ((_, name),) = run(1, lambda _each: threading.current_thread().name)
    assert name == "deliver_0"
