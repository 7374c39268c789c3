"""A database copied into another: SQLite to PostgreSQL, and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import Connection

from fairmind_sync.errors import CopyError
from fairmind_sync.outbox import (
    copying,
    deletion,
    provider_state,
    workload,
)
from fairmind_sync.outbox import retry_discard as verbs
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.storage import schema, tables
from fairmind_sync.storage.engine import current_time, let_go, reading, shared_engine, writing
from fairmind_sync.storage.tables import provider_table as states
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claim, dead, save
from tests.support.full_database import DEAD, MANY, fill
from tests.support.postgres import PostgresServer
from tests.support.processes import command

COPIED = (
    tables.results_table,
    tables.outbox_table,
    tables.attempts_table,
    tables.idempotency_table,
    states,
    tables.provider_samples_table,
    tables.attempt_counts_table,
    tables.latency_counts_table,
    tables.operator_actions_table,
    tables.webhook_events_table,
    tables.own_site_table,
    tables.trusted_sites_table,
    tables.bundles_table,
    tables.hand_overs_table,
    tables.arrivals_table,
)
Ends: TypeAlias = tuple[str, str]


@pytest.fixture(scope="module")
def full_file(shared_place: Path) -> Path:
    """A database file that holds all that there can be."""
    file = shared_place / "full.db"
    engine = schema.ready_engine(f"sqlite:///{file}")
    fill(engine)
    engine.dispose()
    return file


@pytest.fixture(scope="module")
def full_template(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database that holds all that there can be."""
    name = postgres.new_database()
    engine = schema.ready_engine(postgres.url(name))
    fill(engine)
    engine.dispose()
    yield name
    postgres.drop(name)


@pytest.fixture(params=["to PostgreSQL", "to SQLite"])
def ends(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer
) -> Iterator[Ends]:
    """The URLs of a source that holds all that there can be, and of a target that isn't there yet."""
    file = tmp_path / "file.db"
    from_file = request.param == "to PostgreSQL"
    if from_file:
        shutil.copy(request.getfixturevalue("full_file"), file)
        name = postgres.new_database()
    else:
        name = postgres.new_database(request.getfixturevalue("full_template"))
    ends = (f"sqlite:///{file}", postgres.url(name))
    yield ends if from_file else ends[::-1]
    let_go(ends[0])
    postgres.drop(name)


def held(url: str) -> list[object]:
    engine = schema.ready_engine(url)
    return [rows(engine, table) for table in COPIED]


def counts(url: str) -> list[dict[str, int]]:
    with reading(schema.ready_engine(url)) as connection:
        return [workload.backlog(connection, provider).counts for provider in PROVIDERS]


def test_every_row_is_copied_as_it_is(ends: Ends) -> None:
    source, target = ends
    copying.copy(source, target)
    assert held(target) == held(source)


def test_the_copy_counts_its_deliveries(ends: Ends) -> None:
    source, target = ends
    copying.copy(source, target)
    assert counts(target) == counts(source)


def test_a_copy_that_is_repeated_changes_nothing(ends: Ends) -> None:
    copying.copy(*ends)
    again = copying.copy(*ends)
    assert (again.read > MANY, again.added, again.updated, again.ahead) == (True, 0, 0, 0)


def test_what_is_saved_into_the_copy_gets_new_ids(ends: Ends) -> None:
    _, target = ends
    copying.copy(*ends)
    engine = schema.ready_engine(target)
    results, deliveries = rows(engine, tables.results_table), rows(engine, tables.outbox_table)
    saved = save(engine, "mlflow")
    new = [row for row in rows(engine, tables.outbox_table) if row.result_id == saved.result_id]
    assert saved.result_id > max(row.id for row in results)
    assert [row.id > deliveries[-1].id for row in new] == [True]


def test_a_copy_that_was_interrupted_goes_on(ends: Ends) -> None:
    source, target = ends

    def interrupt(read: int) -> None:
        if read > MANY:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copying.copy(source, target, interrupt)
    report = copying.copy(source, target)
    assert (report.added < report.read, held(target)) == (True, held(source))


def test_what_the_source_has_done_since_is_brought_up_to_date(ends: Ends) -> None:
    source, target = ends
    copying.copy(source, target)
    claim(schema.ready_engine(source), "mlflow", limit=1)
    report = copying.copy(source, target)
    assert (report.updated, held(target)[1]) == (1, held(source)[1])


def discard(connection: Connection) -> None:
    verbs.discard(connection, [DEAD], "no use", NOW)


def retry(connection: Connection) -> None:
    verbs.retry(connection, [DEAD], NOW)


def pause(connection: Connection) -> None:
    provider_state.pause(connection, "mlflow", NOW)


def resume(connection: Connection) -> None:
    provider_state.resume(connection, "wandb", NOW)


def erase(connection: Connection) -> None:
    deletion.delete(connection, "once", "user-1", NOW)


@pytest.mark.parametrize("act", [discard, retry, pause, resume, erase])
def test_what_an_operator_has_done_at_the_source_since_is_brought_along(
    ends: Ends, act: Callable[[Connection], None]
) -> None:
    source, target = ends
    copying.copy(source, target)
    before = held(source)
    with writing(schema.ready_engine(source)) as connection:
        act(connection)
    copying.copy(source, target)
    assert (held(source) != before, held(target)) == (True, held(source))


def test_a_pause_in_a_target_that_was_used_stays(ends: Ends) -> None:
    source, target = ends
    copying.copy(source, target)
    engine = schema.ready_engine(target)
    save(engine, "mlflow", test_id="saved there")
    with writing(engine) as connection:
        provider_state.pause(connection, "mlflow", NOW)
    copying.copy(source, target)
    with reading(engine) as connection:
        assert provider_state.read(connection, "mlflow").is_paused


def test_what_the_target_has_done_since_stays(ends: Ends) -> None:
    source, target = ends
    copying.copy(source, target)
    engine = schema.ready_engine(target)
    claim(engine, "mlflow", limit=1)
    before = rows(engine, tables.outbox_table)
    report = copying.copy(source, target)
    assert (report.ahead, rows(engine, tables.outbox_table)) == (1, before)


def test_a_target_with_other_results_is_refused(ends: Ends) -> None:
    source, target = ends
    save(schema.ready_engine(target), "mlflow", test_id="another")
    with pytest.raises(CopyError, match=r"holds other results.*Copy into an empty database"):
        copying.copy(source, target)


@pytest.mark.parametrize("end", [0, 1], ids=["source", "target"])
def test_a_copy_is_refused_while_a_daemon_works_on_either_end(ends: Ends, end: int) -> None:
    engine = schema.ready_engine(ends[end])
    with writing(engine) as connection:
        Heartbeat().start(connection, current_time(engine))
    with pytest.raises(CopyError, match=r"a daemon works on .*Stop it"):
        copying.copy(*ends)


def test_a_daemon_that_started_meanwhile_is_told(ends: Ends) -> None:
    engine = schema.ready_engine(ends[0])

    def start(_read: int) -> None:
        with writing(engine) as connection:
            Heartbeat().start(connection, current_time(engine))

    with pytest.raises(CopyError, match="a daemon works on"):
        copying.copy(*ends, start)


@pytest.mark.parametrize("end", [0, 1], ids=["source", "target"])
def test_a_copy_is_refused_while_a_delivery_is_under_way(ends: Ends, end: int) -> None:
    engine = schema.ready_engine(ends[end])
    save(engine, "mlflow")
    claim(engine, "mlflow", limit=1, now=current_time(engine))
    with pytest.raises(CopyError, match=r"are under way. Let `fairmind-sync drain` end"):
        copying.copy(*ends)


def test_what_is_saved_meanwhile_is_told_and_copied_the_next_time(ends: Ends) -> None:
    source, target = ends
    engine = schema.ready_engine(source)

    def save_one(_read: int) -> None:
        save(engine, "mlflow")

    with pytest.raises(CopyError, match=r"was used meanwhile.*copy again for the rest"):
        copying.copy(source, target, save_one)
    copying.copy(source, target)
    assert held(target) == held(source)


def test_a_database_is_not_copied_into_itself(ends: Ends) -> None:
    with pytest.raises(CopyError, match="the same database"):
        copying.copy(ends[0], ends[0])


def test_a_source_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    with pytest.raises(CopyError, match=r"no database .*missing\.db to copy"):
        copying.copy(f"sqlite:///{missing}", f"sqlite:///{tmp_path / 'target.db'}")
    assert not missing.exists()


def test_words_that_postgresql_can_not_hold_are_made_fit(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    source = f"sqlite:///{tmp_path / 'file.db'}"
    dead(schema.ready_engine(source), "a zero\0byte")
    name = postgres.new_database()
    copying.copy(source, postgres.url(name))
    (row,) = rows(shared_engine(postgres.url(name)), tables.outbox_table)
    postgres.drop(name)
    assert row.last_error == "a zero\ufffdbyte"


def test_the_verb_tells_what_it_did(ends: Ends) -> None:
    told = command("db", "copy", *ends, "--json", env={})
    report = json.loads(told.stdout)
    assert (report["added"], report["ahead"]) == (report["read"], 0)


def test_the_verb_refuses_what_is_no_database() -> None:
    told = command("db", "copy", "sqlite:////a.db", "mysql://h/db", env={}, check=False)
    assert (told.returncode, "TARGET must name a SQLite file" in told.stderr) == (2, True)
