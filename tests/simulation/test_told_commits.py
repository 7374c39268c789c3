"""Of which commits the simulated database tells."""

from __future__ import annotations

from pathlib import Path

from fairmind_sync.storage.engine import open_engine, writing
from tests.simulation.database import Database
from tests.simulation.faults import Faults
from tests.simulation.hosts import Host
from tests.simulation.stores import FileStores
from tests.simulation.world import World


def told_after(tmp_path: Path, statement: str) -> int:
    """How many commits are told of after a transaction with this statement on a table with one row."""
    world = World(1)
    stores, file = FileStores(tmp_path), tmp_path / "database"
    database, host = Database(world, stores, file, Faults(())), Host(world, "host")
    process = host.started("producer")
    told: list[object] = []
    database.on_commit.append(told.append)
    setup = open_engine(database.store.url)
    with writing(setup) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers AS SELECT 1 AS number")
    setup.dispose()

    def work() -> None:
        with writing(database.opened_by(process, host)) as connection:
            connection.exec_driver_sql(statement)
        process.end()

    process.start(work)
    world.run(60.0)
    assert (world.crashes, database.commits) == ([], 1)
    return len(told)


def test_a_commit_that_changed_something_is_told(tmp_path: Path) -> None:
    assert told_after(tmp_path, "UPDATE numbers SET number = 2") == 1


def test_a_commit_that_changed_nothing_is_told_to_nobody(tmp_path: Path) -> None:
    """SQLite shows no such commit to other connections either."""
    assert told_after(tmp_path, "DELETE FROM numbers WHERE number = 2") == 0
