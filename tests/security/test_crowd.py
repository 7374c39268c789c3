"""More requests than there is room for, over real sockets: the surplus is refused, the rest is saved."""

from __future__ import annotations

import asyncio
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest
from sqlalchemy import Engine

from fairmind_sync.api import connection_count, document, request_limits
from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.settings import Settings
from fairmind_sync.storage.tables import results_table
from tests.security.attack import API
from tests.security.serving import served
from tests.support.databases import rows
from tests.support.log_events import captured_logs
from tests.support.processes import eventually

MOST = 5
SURPLUS = 3


@pytest.fixture
def url(configured: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with little room."""
    monkeypatch.setattr(request_limits, "MOST_AT_ONCE", MOST)
    with served(configured) as url:
        yield url


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """No result is saved before the gate is open."""
    opened = threading.Event()
    save = document._save

    def save_later(*arguments: object) -> object:
        opened.wait()
        return save(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(document, "_save", save_later)
    yield opened
    opened.set()


def post(url: str, number: int) -> httpx2.Response:
    result = {"test_id": f"t{number}", "model_id": "m", "test_type": "x", "wait": 0}
    body = result | {"results": {"accuracy": 0.85}}
    return httpx2.post(f"{url}{API}/log-test", json=body, timeout=240)


@contextmanager
def posting(url: str, gate: threading.Event, count: int) -> Iterator[list[Future[httpx2.Response]]]:
    """So many requests at once; the gate is opened at the end of the block."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield [pool.submit(post, url, number) for number in range(count)]
        finally:
            gate.set()


def ended(requests: list[Future[httpx2.Response]], count: int) -> Callable[[], bool]:
    return lambda: sum(request.done() for request in requests) == count


def test_only_the_surplus_is_refused(url: str, gate: threading.Event, engine: Engine) -> None:
    with posting(url, gate, MOST + SURPLUS) as requests:
        eventually(ended(requests, SURPLUS))
    statuses = sorted(request.result().status_code for request in requests)
    assert statuses == [202] * MOST + [503] * SURPLUS
    assert len(rows(engine, results_table)) == MOST


def test_what_is_refused_is_told_when_to_come_back(url: str, gate: threading.Event) -> None:
    with posting(url, gate, MOST + 1) as requests:
        eventually(ended(requests, 1))
        (refused,) = [request.result() for request in requests if request.done()]
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) > 0
    assert (refused.json()["status"], refused.json()["success"]) == (503, False)


def test_what_still_comes_is_read_before_a_refusal() -> None:
    messages: list[dict[str, object]] = [{"more_body": more} for more in (False, True, True)]

    async def receive() -> dict[str, object]:
        return messages.pop()

    asyncio.run(request_limits.skip_body(receive))
    assert messages == []


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive() -> dict[str, object]:
        return await asyncio.Future()

    monkeypatch.setattr(request_limits, "_SKIP_S", 0.01)
    asyncio.run(request_limits.skip_body(receive))


@pytest.mark.parametrize("path", request_limits.HEALTH)
def test_health_has_room_in_a_crowd(url: str, gate: threading.Event, path: str) -> None:
    with posting(url, gate, MOST + 1) as requests:
        eventually(ended(requests, 1))
        reply = httpx2.get(f"{url}{path}", timeout=240)
    assert b"too many requests" not in reply.content


@pytest.mark.parametrize("path", request_limits.HEALTH)
def test_health_has_threads_of_its_own(
    url: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    opened, waiting = threading.Event(), list[int]()

    def find_later(*_arguments: object) -> None:
        waiting.append(1)
        opened.wait()

    count = 40  # as many as Starlette has threads
    monkeypatch.setattr(request_limits, "MOST_AT_ONCE", count + 1)
    monkeypatch.setattr(delivery_lookup, "delivery_by_run", find_later)
    with ThreadPoolExecutor(count) as pool:
        try:
            for _ in range(count):
                pool.submit(httpx2.get, f"{url}{API}/run-url/mlflow/x", timeout=240)
            eventually(lambda: len(waiting) == count)
            assert httpx2.get(f"{url}{path}", timeout=120).content
        finally:
            opened.set()


def test_a_crowd_is_logged_once(url: str, gate: threading.Event) -> None:
    with captured_logs() as events, posting(url, gate, MOST + SURPLUS) as requests:
        eventually(ended(requests, SURPLUS))
    assert [event["event"] for event in events].count("api.crowded") == 1


def test_after_a_crowd_requests_are_answered(url: str, gate: threading.Event) -> None:
    with posting(url, gate, MOST + SURPLUS) as requests:
        eventually(ended(requests, SURPLUS))
    assert post(url, 99).status_code == 202


@pytest.mark.parametrize(
    ("files", "most"), [(64, 8), (1024, 325), (1_000_000, 1024), (resource.RLIM_INFINITY, 1024)]
)
def test_where_few_files_may_be_open_there_are_fewer_places(
    monkeypatch: pytest.MonkeyPatch, files: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (files, files))
    assert connection_count.most_connections() == most
