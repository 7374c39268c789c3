"""What a result costs PostgreSQL and us: bytes, write-ahead log, processor time. `forecast` counts with it.

Saved one by one, delivered to providers that answer at once; vacuumed between, as autovacuum would.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from fairmind_sync.outbox import counters
from fairmind_sync.provider_names import PROVIDERS, ProviderName
from fairmind_sync.providers.base import Delivered
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.testing import FakeProvider
from tests.benchmarks import cpu
from tests.benchmarks.measure import Row, p50, seconds_of
from tests.benchmarks.saving import save
from tests.support.log_events import captured_logs
from tests.support.postgres import postgres_server

BATCH = 32
_WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_SIZES = "SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)) FROM pg_stat_user_tables"
_SWEPT = "SELECT pg_indexes_size('outbox') + pg_indexes_size('delivery_attempts')"
_PAYLOAD = "SELECT avg(length(results) + length(metadata)) FROM bias_test_results"
_UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'outbox'"
Connection = psycopg.Connection[tuple[Any, ...]]


def run(_place: Path, *, results: int = 4000, chunks: int = 10, turns: int = 10) -> list[Row]:
    saving: Counter[str] = Counter()
    delivering: Counter[str] = Counter()
    with postgres_server(fsync="on") as server, captured_logs():
        name = server.new_database_of_today()
        settings = Settings(provider="both", database_url=server.url(name))
        with server.connect(name) as look:
            for first in range(0, results, results // chunks):
                with _spent(look, saving):
                    for number in range(first, first + results // chunks):
                        save(settings, [number])
                with _spent(look, delivering):
                    _deliver(settings)
                schema.ready_engine(
                    settings.database_url
                ).dispose()  # its sessions hand in their counts
                look.execute("VACUUM")
            tables, indexes = _ask(look, _SIZES)
            (swept,) = _ask(look, _SWEPT)
            (payload,) = _ask(look, _PAYLOAD)
            updates, hot = _ask(look, _UPDATES)
        claims, records = _turns(settings, range(results, results + turns * BATCH))
    deliveries = results * len(PROVIDERS)
    note = f"{results} results of {payload:.0f} bytes of JSON, both providers"
    return [
        _row("tables, a result", tables / results, "bytes", 4000, note),
        _row("indexes, a result", indexes / results, "bytes", 4000, note),
        _row("of them of deliveries and attempts", swept / results, "bytes", 3000, note),
        _row("log, a save", saving["log"] / results, "bytes", 12_000, note),
        _row("log, a delivery", delivering["log"] / deliveries, "bytes", 12_000, note),
        _row("row versions that a delivery leaves behind", updates / deliveries, "", 5, note),
        _row("of them with new index entries", (updates - hot) / deliveries, "", 5, note),
        _row(f"a claim of {BATCH} p50", p50(claims) * 1e3, "ms", 20, note),
        _row("the record of one p50", p50(records) * 1e3, "ms", 5, note),
        *_cpu_rows("a save", saving, results, note),
        *_cpu_rows("a delivery", delivering, deliveries, note),
    ]


def _cpu_rows(what: str, spent: Counter[str], count: int, note: str) -> list[Row]:
    goals = {"ours": 2.0, "PostgreSQL": 3.0}
    return [
        _row(f"processor, {what}, {who}", spent[who] * 1e3 / count, "ms", goal, note)
        for who, goal in goals.items()
    ]


def _row(what: str, ours: float, unit: str, goal: float, note: str) -> Row:
    return Row(what, "", float(ours), None, unit, goal, note=note)


def _turns(settings: Settings, numbers: range) -> tuple[list[float], list[float]]:
    """The seconds of claims and of records: what those of one provider can only do in turns."""
    relay = _relay(settings, "mlflow")
    claims: list[float] = []
    records: list[float] = []
    for first in numbers[::BATCH]:
        save(settings, range(first, first + BATCH))
        claimed: list[Delivery] = []
        claims.append(seconds_of(partial(_claim, relay, claimed)))
        records += [seconds_of(partial(_record, relay, one)) for one in claimed]
    return claims, records


def _claim(relay: Relay, into: list[Delivery]) -> None:
    into += relay._claim()


def _record(relay: Relay, one: Delivery) -> None:
    relay._recorder().record_delivered([(one, Delivered(Run(one.key, None), "memory"))])


def _relay(settings: Settings, provider: ProviderName) -> Relay:
    engine = schema.ready_engine(settings.database_url)
    clock = partial(current_time, engine)
    fake = FakeProvider(provider, BATCH)
    most = settings.max_in_flight
    return Relay(engine, fake, max_attempts=12, most_leased=most, clock=clock)


def _deliver(settings: Settings) -> None:
    """Everything, to both; then what the daemon's tidying does."""
    for provider in PROVIDERS:
        _relay(settings, provider).drain()
    engine = schema.ready_engine(settings.database_url)
    with writing(engine) as connection:
        counters.fold_delivery_counts(connection)


@contextmanager
def _spent(look: Connection, into: Counter[str]) -> Iterator[None]:
    """Adds bytes of log, and seconds of the server's and of our own processor time."""
    before = _counted(look)
    yield
    into.update({what: value - before[what] for what, value in _counted(look).items()})


def _counted(look: Connection) -> dict[str, Any]:
    server = cpu.seconds({})["PostgreSQL"]
    return {"log": int(_ask(look, _WAL)[0]), "ours": time.process_time(), "PostgreSQL": server}


def _ask(look: Connection, what: str) -> tuple[Any, ...]:
    found = look.execute(what.encode()).fetchone()
    assert found is not None
    return found
