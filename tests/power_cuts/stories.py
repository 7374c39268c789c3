"""What is recorded of one process of the product, which tells what it begins and what it acknowledges.

`crowds` has the stories of several processes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine

from fairmind_sync import bias_test_results
from fairmind_sync.outbox import claims, copying, outcomes, pruning, retry_discard
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import current_settings
from fairmind_sync.storage import schema, sqlite, sqlite_file
from fairmind_sync.storage.engine import autocommit, reading, shared_engine, writing

DATABASE, MARKS = "outbox.db", "marks"
BACKUP, TARGET = "backups/backup.db", "copies/copy.db"
MODES = ("wal", "delete")
LEASE = timedelta(seconds=50)
SIZES = (40, 3_000, 5_000, 20_000, 70_000)
"""Characters of a payload: within a page, about a page, many pages."""
BEFORE = 20
"""Results in the database that most stories find."""
PROVIDER: ProviderName = "mlflow"


def payload(number: int) -> dict[str, Any]:
    """What the result of this number holds, always the same."""
    text = hashlib.sha256(str(number).encode()).hexdigest()
    size = SIZES[number % len(SIZES)]
    return {"accuracy": number / 7, "note": (text * (size // len(text) + 1))[:size]}


def arguments(number: int) -> dict[str, Any]:
    return {
        "test_id": f"test-{number}",
        "user_id": "user-1",
        "model_id": "model-1",
        "dataset_id": "dataset-1",
        "test_type": "ml_bias",
        "results": payload(number),
        "metadata": {"number": number},
    }


def state_of(engine: Engine) -> str:
    """A digest of every row of every table."""
    return digest_of(rows_of(engine))


def digest_of(rows: dict[str, list[Any]]) -> str:
    return hashlib.sha256(repr(sorted(rows.items())).encode()).hexdigest()[:20]


def rows_of(engine: Engine, tables: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Of these tables, or of all."""
    with reading(engine) as connection:
        driver: Any = connection.connection.driver_connection
        return {name: _all_rows(driver, name) for name in tables or _tables(driver)}


def _tables(driver: Any) -> list[str]:
    found = driver.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [name for (name,) in found]


def _all_rows(driver: Any, table: str) -> list[Any]:
    rows = driver.execute(f"SELECT * FROM {table}")  # noqa: S608 - SQLite itself told the name
    return sorted(rows, key=lambda row: repr(row[:3]))


@contextmanager
def mode_of(mode: str) -> Iterator[None]:
    """The product as it is where its SQLite is safe with WAL ('wal'), or where none is ('delete')."""
    with ExitStack() as patches:
        if mode == "delete":
            patches.enter_context(patch.object(sqlite, "bundled_sqlite", None))
            patches.enter_context(patch.object(sqlite, "journal_mode", lambda: "delete"))
        yield


class Teller:
    """Tells into a file, between what the product writes elsewhere; nothing of it reaches the database."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)

    def tell(self, **told: Any) -> None:
        os.write(self._descriptor, json.dumps(told).encode())

    def story(self, name: str, engine: Engine | None) -> None:
        """Without an engine there is no database yet."""
        self.tell(story=name)
        if engine is not None:
            self.tell(state=state_of(engine))

    def begins(self, what: str) -> None:
        self.tell(begins=what)

    def done(self, engine: Engine, saved: Sequence[int] = (), gone: Sequence[int] = ()) -> None:
        self.tell(done=True, saved=[*saved], gone=[*gone])
        self.tell(state=state_of(engine))


class Story:
    """One story's database, and what is done with it."""

    def __init__(self, place: Path, tell: Teller) -> None:
        self.file, self.tell = place / DATABASE, tell
        self.url = f"sqlite:///{self.file}"
        self.place = place
        os.environ["FAIRMIND_SYNC_DATABASE_URL"] = self.url
        current_settings.cache_clear()

    @property
    def engine(self) -> Engine:
        return shared_engine(self.url)

    def step(
        self,
        what: str,
        act: Callable[[], Any],
        saved: Sequence[int] = (),
        gone: Sequence[int] = (),
    ) -> Any:
        self.tell.begins(what)
        given = act()
        self.tell.done(self.engine, saved, gone)
        return given

    def save(self, number: int) -> None:
        self.step("save", lambda: save(number), [number])

    def write(self, what: str, act: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """One transaction with one call of the outbox."""

        def in_transaction() -> Any:
            with writing(self.engine) as connection:
                return act(connection, *values, **named)

        return self.step(what, in_transaction)

    def claim(self, limit: int) -> list[Delivery]:
        claimed: list[Delivery] = self.write(
            "claim", claims.claim, PROVIDER, limit=limit, lease=LEASE, worker="host:1", now=now()
        )
        return claimed


def now() -> datetime:
    return datetime.now(UTC)


def save(number: int) -> None:
    bias_test_results.save_test_result_sync(**arguments(number))


def save_many(numbers: Sequence[int]) -> None:
    bias_test_results.save_test_results_sync([arguments(number) for number in numbers])


def creating(story: Story) -> None:
    """The first save of all: neither directory nor database are there."""
    story.save(1)
    story.save(2)


def saving(story: Story) -> None:
    for number in range(100, 110):
        story.save(number)
    batch = range(200, 215)
    story.step("save many", lambda: save_many(batch), batch)
    story.save(100)
    story.step("save another revision", lambda: revise(101))


def revise(number: int) -> None:
    bias_test_results.save_test_result_sync(**arguments(number) | {"metadata": {"again": True}})


def recording(story: Story) -> None:
    first, second, third, fourth, *others = story.claim(8)
    story.write("create attempted", outcomes.note_creating, first, "somewhere", now())
    story.write("created", outcomes.note_created, first, "run-1")
    for number, delivery in enumerate((first, second)):
        run = Run(f"run-{number}", "https://provider.example/run")
        story.write("delivered", outcomes.record_delivered, delivery, run, "somewhere", now())
    reason = "it is too large"
    for delivery in (third, fourth):
        story.write("dead", outcomes.record_dead, delivery, ErrorKind.REJECTED, reason, now())
    story.write(
        *("retry later", outcomes.record_retry, others[0], ErrorKind.REJECTED, reason),
        due_at=now(),
        now=now(),
    )
    story.write("release", outcomes.release, others[1:], now(), "the daemon stops")
    story.write("retry", retry_discard.retry, [third.id], now())
    story.write("discard", retry_discard.discard, [fourth.id], "not wanted", now())


def erasing(story: Story) -> None:
    for number in (1, 4):
        story.step("delete", partial(delete, number), gone=[number])
    story.write("discard", retry_discard.discard, range(1, 2 * BEFORE + 1, 2), "not wanted", now())
    for delivery in story.claim(3):
        run = Run(f"run-{delivery.id}", None)
        story.write("delivered", outcomes.record_delivered, delivery, run, "somewhere", now())
    later = now() + timedelta(hours=1)
    story.step("prune", lambda: pruning.prune_all(story.engine, timedelta(seconds=1), later))
    story.save(300)


def delete(number: int) -> None:
    bias_test_results.delete_test_result_sync(f"test-{number}", "user-1")


def closing(story: Story) -> None:
    story.save(400)
    story.step("checkpoint", lambda: checkpoint(story.engine))
    story.save(401)
    story.step("close", story.engine.dispose)
    story.save(402)
    story.save(403)


def checkpoint(engine: Engine) -> None:
    with autocommit(engine) as driver:
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def switching(story: Story) -> None:
    """The file has the other journal until it is opened."""
    story.save(410)
    story.save(411)


def upgrading(story: Story) -> None:
    story.step("upgrade", lambda: schema.upgrade(story.engine, now()))
    story.save(500)


def compacting(story: Story) -> None:
    story.save(600)
    story.step("compact", lambda: sqlite_file.compact(story.engine))
    story.save(601)


def backing_up(story: Story) -> None:
    story.save(700)
    file = story.place / BACKUP
    story.step("backup", lambda: sqlite_file.copy_to(story.engine, file))


def copying_all(story: Story) -> None:
    target = f"sqlite:///{story.place / TARGET}"
    story.step("copy", lambda: copying.copy(story.url, target))


STORIES: dict[str, Callable[[Story], None]] = {
    "create": creating,
    "save": saving,
    "record": recording,
    "erase": erasing,
    "close": closing,
    "switch": switching,
    "upgrade": upgrading,
    "compact": compacting,
    "backup": backing_up,
    "copy": copying_all,
}
