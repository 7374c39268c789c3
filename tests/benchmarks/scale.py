"""A million deliveries against a thousand: claims, look-ups, lists and counts, each of both in turns.

Once with all deliveries pending, and once with all but a few delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import select

from fairmind_sync.clock import utc_now
from fairmind_sync.operating.status import overview
from fairmind_sync.outbox import delivery_lookup, outcomes, workload
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.relay.loop import Relay
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table as deliveries
from fairmind_sync.testing import FakeProvider
from tests.benchmarks.filled import RARE_MODEL, Filled, Kind, filled
from tests.benchmarks.measure import Row, in_turns, p50, p99, seconds_of
from tests.support.databases import store_of
from tests.support.log_events import captured_logs
from tests.support.processes import running_daemon

KINDS: tuple[Kind, ...] = ("pending", "delivered")
CLAIM = 32
PAGE = 50
FILTERS: dict[str, RunFilter] = {
    "all": RunFilter(),
    "status=dead": RunFilter(status="dead"),
    "status=delivered": RunFilter(status="delivered"),
    "status=pending": RunFilter(status="pending"),
    "test_id": RunFilter(test_id="test-1"),
    "model_id of many": RunFilter(model_id="model-3"),
    "model_id of one": RunFilter(model_id=RARE_MODEL),
    "provider": RunFilter(provider="mlflow"),
    "search that finds nothing": RunFilter(search="nowhere"),
    "search that finds many": RunFilter(search="model-3"),
}
"""What is listed of a database; the oldest result's test and model are the farthest from the newest row."""
PATHS = {
    "page /": "/",
    "page /deliveries": "/deliveries",
    "page /deliveries of one status": "/deliveries?status=pending",
    "page /models": "/models",
    "GET /metrics": "/metrics",
    "GET runs": "/api/v1/mlops/runs",
    "GET results/{test_id}": "/api/v1/mlops/results/test-7",
}

Way: TypeAlias = Callable[[int], object]
Pair: TypeAlias = tuple[Filled, Filled]


def run(
    place: Path,
    *,
    small: int = 1000,
    large: int = 1_000_000,
    looks: int = 30,
    claims: int = 100,
    requests: int = 3000,
) -> list[Row]:
    """`looks` is how often each list and count is read, `requests` how often run URLs are asked for."""
    return [
        row
        for kind in KINDS
        for row in compare(
            (
                filled(place / f"{kind}-large.db", large, kind),
                filled(place / f"{kind}-small.db", small, kind),
            ),
            *(kind, f"{small:,} {kind}", place, looks, claims, requests),
        )
    ]


def compare(
    pair: Pair, kind: Kind, against: str, place: Path, looks: int, claims: int, requests: int
) -> list[Row]:
    rows = [_claims(pair, kind, against, claims)]
    with _served(pair, place) as connections:
        if kind == "delivered":
            rows.append(_run_urls(pair, connections, against, requests))
        rows += [_http(what, path, connections, against, looks) for what, path in PATHS.items()]
    rows += [_look(what, (ways[0], ways[1]), against, looks) for what, *ways in _reads(pair)]
    return rows


def _claims(pair: Pair, kind: Kind, against: str, times: int) -> Row:
    """Of a relay, whose claims are given back between the measurements."""
    relays = [
        Relay(database.engine, FakeProvider("mlflow", CLAIM), max_attempts=12) for database in pair
    ]
    with captured_logs():
        for relay in relays:
            _claim(relay)
        turns = [[_claim(relay) for relay in relays] for _ in range(times)]
    ours, theirs = (p50(list(seconds)) * 1e3 for seconds in zip(*turns, strict=True))
    return Row(f"claim of {CLAIM} p50, {kind}", against, ours, theirs, "ms", 1.3)


def _claim(relay: Relay) -> float:
    claimed = []
    seconds = seconds_of(lambda: claimed.extend(relay._claim()))
    with writing(relay.engine) as connection:
        outcomes.release(connection, claimed, utc_now(), "measured")
    return seconds


def _run_urls(pair: Pair, connections: Sequence[HTTPConnection], against: str, times: int) -> Row:
    ways = [
        _asking(connection, _urls(database, times))
        for database, connection in zip(pair, connections, strict=True)
    ]
    ours, theirs = (p99(seconds) * 1e3 for seconds in _taking_turns(ways, times))
    return Row("run URL over HTTP p99", against, ours, theirs, "ms", 1.3)


def _urls(database: Filled, count: int) -> list[str]:
    """Of runs from all over the table."""
    step = max(1, database.results // count)
    runs = select(deliveries.c.run_id).where(
        deliveries.c.provider == "mlflow",
        deliveries.c.run_id.is_not(None),
        deliveries.c.result_id % step == 0,
    )
    with reading(database.engine) as connection:
        found = connection.execute(runs).scalars().all()
    return [f"/api/v1/mlops/run-url/mlflow/{run_id}" for run_id in found]


def _http(
    what: str, path: str, connections: Sequence[HTTPConnection], against: str, times: int
) -> Row:
    ours, theirs = (_asking(connection, [path]) for connection in connections)
    return _look(what, (ours, theirs), against, times)


def _asking(connection: HTTPConnection, paths: Sequence[str]) -> Way:
    def ask(number: int) -> None:
        connection.request("GET", paths[number % len(paths)])
        with connection.getresponse() as answer:
            answer.read()
            assert answer.status == 200, answer.status

    return ask


@contextmanager
def _served(pair: Pair, place: Path) -> Iterator[list[HTTPConnection]]:
    """A daemon that delivers nowhere for each database, and a connection to each that is kept."""
    with ExitStack() as stack:
        connections = []
        for database in pair:
            env = {
                "MLOPS_PROVIDER": "none",
                "FAIRMIND_SYNC_DATABASE_URL": database.settings.database_url,
            }
            daemon = stack.enter_context(running_daemon(env, place))
            address = daemon.url.removeprefix("http://")
            connections.append(stack.enter_context(closing(HTTPConnection(address, timeout=60))))
        yield connections


def _reads(pair: Pair) -> Iterator[tuple[str, Way, Way]]:
    """What programs and the daemon read without HTTP."""
    for what in _ways(pair[0]):
        ours, theirs = (_ways(database)[what] for database in pair)
        yield what, ours, theirs


def _ways(database: Filled) -> dict[str, Way]:
    engine, settings = database.engine, database.settings

    def read(look: Callable[..., object], *arguments: object) -> Way:
        def once(_number: int) -> None:
            with reading(engine) as connection:
                look(connection, *arguments)

        return once

    return {
        "status": lambda _: overview(store_of(settings), settings, utc_now()),
        **{
            f"runs: {what}": read(delivery_lookup.deliveries, wanted, PAGE)
            for what, wanted in FILTERS.items()
        },
        "admission of a POST": read(workload.is_backlog_full, settings.max_backlog),
        "workloads": read(workload.read_all),
        "has_work": read(workload.has_work, "mlflow", utc_now()),
    }


def _look(what: str, ways: tuple[Way, Way], against: str, times: int) -> Row:
    ours, theirs = (p50(seconds) * 1e3 for seconds in _taking_turns(ways, times))
    return Row(f"{what} p50", against, ours, theirs, "ms", 2.0)


def _taking_turns(ways: Sequence[Way], times: int) -> list[list[float]]:
    """After a first look of each that doesn't count."""
    for way in ways:
        way(0)
    return in_turns(times, *ways)
