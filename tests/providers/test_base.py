"""Deliveries in threads: how many, which start, and what becomes of their errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from fairmind_sync.delivery import Delivery
from fairmind_sync.errors import LeaseLostError
from fairmind_sync.providers import base
from fairmind_sync.providers.base import (
    ProviderBlockedError,
    ProviderBrokenError,
    ProviderOfflineError,
    Retry,
    run_in_threads,
)
from tests.helpers import captured_logs
from tests.values import delivery

Work: TypeAlias = Callable[[Delivery], str]
WAIT_S = 30
"""Longer than any thread here needs; only a failing test waits so long."""


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
    for each, result in run_in_threads(numbered(count), work, may_start, threads):
        found.append((each.id, result))
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


def test_no_more_are_under_way_than_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way: list[int] = []

    def count(futures: Any, **options: Any) -> Any:
        under_way.append(len(futures))
        return wait(futures, **options)

    monkeypatch.setattr(base, "wait", count)
    run(20, named, threads=2)
    assert max(under_way) == 2


def test_a_result_is_handed_over_while_others_run() -> None:
    handed_over = threading.Event()

    def work(each: Delivery) -> str:
        return "first" if each.id == 1 else str(handed_over.wait(WAIT_S))

    found = []
    for _, result in run_in_threads(numbered(2), work, lambda: True, 2):
        found.append(result)
        handed_over.set()
    assert found == ["first", "True"]


def test_where_none_may_start_none_does() -> None:
    assert run(3, named, may_start=lambda: False) == []


def test_those_that_may_not_start_any_more_have_no_result() -> None:
    answers = iter([True, True, False])
    found = run(5, named, may_start=lambda: next(answers, False))
    assert [number for number, _ in found] == [1, 2]


def test_an_error_that_nobody_foresaw_is_one_deliverys_own() -> None:
    found = run(3, failing(ValueError("a bug"), {2}))
    assert found[1] == (2, Retry("unexpected", "ValueError: a bug"))


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
    failed = threading.Event()

    def work(each: Delivery) -> str:
        if each.id == 1:
            failed.set()
            raise error
        return str(failed.wait(WAIT_S))

    results: list[tuple[int, str | Retry]] = []
    with pytest.raises(type(error)):
        run(2, work, threads=2, results=results)
    assert results == [(2, "True")]


def test_of_several_reasons_to_stop_the_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    first_is_known = threading.Event()
    waits: list[int] = []

    def tell(futures: Any, **options: Any) -> Any:
        waits.append(len(futures))
        if waits == [2, 1]:
            first_is_known.set()
        return wait(futures, **options)

    def work(each: Delivery) -> str:
        if each.id == 2:
            first_is_known.wait(WAIT_S)
        raise ProviderOfflineError(f"error {each.id}")

    monkeypatch.setattr(base, "wait", tell)
    with pytest.raises(ProviderOfflineError, match="error 1"):
        run(2, work, threads=2)


def test_a_batch_that_is_closed_early_waits_for_those_under_way() -> None:
    finished: list[int] = []
    may_finish = threading.Event()

    def work(each: Delivery) -> str:
        if each.id == 2:
            may_finish.wait(WAIT_S)
        finished.append(each.id)
        return ""

    batch = run_in_threads(numbered(3), work, lambda: True, 2)
    next(batch)
    may_finish.set()
    batch.close()
    assert finished == [1, 2]
