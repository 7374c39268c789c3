"""A place where what power cuts left is opened by our code, one image after the other, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import URL, Engine

from fairmind_sync.errors import SchemaError
from fairmind_sync.outbox import copying
from fairmind_sync.outbox.copied_tables import ALL_COPIED
from fairmind_sync.storage import engine as engines
from fairmind_sync.storage import schema, sqlite_file
from tests.power_cuts.crowd_oracle import wrong_backup_of_many, wrong_by_facts
from tests.power_cuts.crowds import backup_file
from tests.power_cuts.cuts import Expected
from tests.power_cuts.disk import Image
from tests.power_cuts.facts import BACKUP as BACKUP_FACT
from tests.power_cuts.facts import Facts
from tests.power_cuts.oracle import (
    Rows,
    wrong_bytes,
    wrong_counts,
    wrong_going_on,
    wrong_rows,
)
from tests.power_cuts.recording import put
from tests.power_cuts.stories import BACKUP, DATABASE, TARGET, digest_of, now, rows_of
from tests.power_cuts.telling import WITHOUT_DATABASE, home_of

_RARELY = 1 / 12
"""The share of the images in which a schema is made or upgraded: that takes as long as 30 other checks."""
_COPIED = [copied.table.name for copied in ALL_COPIED]


class Laboratory:
    """One story's files, replaced by those of each image.

    A database stays the same file, and its engine the same engine: statements are compiled once.
    """

    def __init__(self, place: Path, story: str) -> None:
        self._place = place
        self._home = home_of(place, story)
        self._file, self._target = self._home / DATABASE, self._home / TARGET
        self._index = b""
        checks: dict[str, Callable[[Any], Iterator[str]]] = {
            **dict.fromkeys(WITHOUT_DATABASE, self._creation),
            "backups": self._backups,
            "upgrade": self._upgrade,
            "backup": self._backup,
            "copy": self._copy,
        }
        self._check = checks.get(story, self._outbox)

    def wrong(self, image: Image, expected: Expected | Facts, name: str) -> list[str]:
        """What is wrong with the image, in words. Its name decides by lot what is left open."""
        self._lot = Random(name)
        self._put(image)
        wrong: list[str] = []
        try:
            wrong.extend(self._check(expected))
        except Exception as error:  # noqa: BLE001 - whatever it is, no image should lead to it
            wrong.append(f"{type(error).__name__}: {error}")
        finally:
            self._leave()
        return wrong

    def _put(self, image: Image) -> None:
        put(image, self._place)
        self._put_index()
        if not all(file.exists() for file in self._databases()):
            engines._engines.clear()
        schema._ready.clear()

    def _put_index(self) -> None:
        """What the log's index holds is in memory: it is absent, another image's, or garbage."""
        index = self._lot.choice((b"", self._index, self._lot.randbytes(32 * 1024)))
        if index and (log := Path(f"{self._file}-wal")).exists():
            log.with_name(f"{DATABASE}-shm").write_bytes(index)

    def _leave(self) -> None:
        if (index := Path(f"{self._file}-shm")).exists():
            self._index = index.read_bytes()
        for file in self._databases():
            if file.exists():
                engines.shared_engine(_url(file)).dispose()

    def _databases(self) -> list[Path]:
        return [self._file, self._target] if self._check == self._copy else [self._file]

    def _outbox(self, expected: Expected | Facts) -> Iterator[str]:
        engine = schema.ready_engine(_url(self._file))
        rows = rows_of(engine)
        if isinstance(expected, Facts):
            yield from wrong_by_facts(rows, expected)
        else:
            yield from wrong_rows(rows, expected)
        yield from wrong_bytes(engine, self._file, expected)
        yield from wrong_going_on(engine, len(rows["bias_test_results"]))
        yield from sqlite_file.damage(engine)

    def _creation(self, expected: Expected | Facts) -> Iterator[str]:
        """Nothing may be there before the first save is acknowledged."""
        is_empty = not self._file.exists() or schema.revision(self._opened()) is None
        if expected.saved or not is_empty or self._lot.random() < _RARELY:
            yield from self._outbox(expected)

    def _upgrade(self, expected: Expected) -> Iterator[str]:
        """The database is the older one or the new one, and the new one is there only beside its backup."""
        is_new = schema.revision(self._opened()) == schema.HEAD
        backups = [*self._home.glob("*.backup")]
        for backup in backups:
            yield from _wrong_copy(backup, expected.first_state)
        if is_new and not backups:
            yield "the database is upgraded, and there is no backup"
        if not is_new and expected.done:
            yield "the upgrade was acknowledged, and the older database is there"
        if not is_new:
            yield from self._older(expected)
        else:
            yield from self._outbox(expected)

    def _older(self, expected: Expected) -> Iterator[str]:
        engine = self._opened()
        rows = rows_of(engine)
        if digest_of(rows) != expected.first_state:
            yield "the older database holds something else"
        yield from sqlite_file.damage(engine)
        try:
            schema.ready_engine(_url(self._file))
            yield "the older database is opened as if it were today's"
        except SchemaError:
            pass
        if self._lot.random() < _RARELY:
            schema.upgrade(engine, now())
            yield from wrong_going_on(engine, len(rows["bias_test_results"]))

    def _backup(self, expected: Expected) -> Iterator[str]:
        backup = self._home / BACKUP
        if backup.exists():
            yield from _wrong_copy(backup, expected.state)
        elif "backup" in expected.done:
            yield "the backup was acknowledged, and isn't there"
        yield from self._outbox(expected)

    def _backups(self, expected: Facts) -> Iterator[str]:
        """Made beside other processes' saves: what a backup holds, the database holds."""
        source = rows_of(schema.ready_engine(_url(self._file)))
        whole = {number: backup_file(self._home, number) for number in expected.before}
        for number, file in whole.items():
            if file.exists():
                copy, damage = _read_alone(file)
                yield from wrong_backup_of_many(copy, source, number, expected)
                yield from damage
            elif (BACKUP_FACT, number) in expected.certain:
                yield f"the backup {number} was acknowledged, and isn't there"
        for file in (self._home / BACKUP).parent.iterdir():
            if file not in whole.values() and ".partial" not in file.name:
                yield f"{file.name} looks like a backup"
        yield from self._outbox(expected)

    def _copy(self, expected: Expected) -> Iterator[str]:
        """A copy that was not acknowledged goes on where it was interrupted."""
        source = self._opened()
        is_done = "copy" in expected.done
        if is_done and not self._target.exists():
            yield "the copy was acknowledged, and isn't there"
        elif is_done or (self._target.stat().st_size if self._target.exists() else 0):
            yield from self._going_on_with_copy(source, is_done=is_done)
        yield from self._outbox(expected)

    def _going_on_with_copy(self, source: Engine, *, is_done: bool) -> Iterator[str]:
        target = engines.shared_engine(_url(self._target))
        if not is_done:
            if schema.revision(target) is None and self._lot.random() > _RARELY:
                return
            copying.copy(_url(self._file), _url(self._target))
        there, copied = rows_of(source), rows_of(target)
        for table in _COPIED:
            if there[table] != copied.get(table):
                yield f"the copy has other rows in {table}"
        yield from wrong_counts(copied)
        yield from sqlite_file.damage(target)

    def _opened(self) -> Engine:
        return engines.shared_engine(_url(self._file))


def _url(file: Path) -> str:
    return f"sqlite:///{file}"


def _wrong_copy(file: Path, state: str | None) -> Iterator[str]:
    """Whether a file that bears a backup's name is a backup, whole and sound."""
    rows, damage = _read_alone(file)
    if digest_of(rows) != state:
        yield f"{file.name} is no whole copy"
    yield from damage


def _read_alone(file: Path) -> tuple[Rows, list[str]]:
    engine = engines.open_engine(URL.create("sqlite", database=str(file)))
    try:
        return rows_of(engine), sqlite_file.damage(engine)
    finally:
        engine.dispose()
