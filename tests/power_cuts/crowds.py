"""Stories of several processes over one database at once. How they take turns differs in each recording.

Each process is forked from the one that tells the story, before any of them has opened a file there, and
tells into a file of its own. What must be there afterwards is said in facts that hold whoever came first.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from fairmind_sync.outbox import claims, deletion, outcomes, pruning, retry_discard
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import let_go, shared_engine, writing
from tests.power_cuts.facts import BACKUP, CLAIMED, DEAD, DELIVERED, ERASED, SAVED, Fact
from tests.power_cuts.stories import BACKUP as BACKUP_FILE
from tests.power_cuts.stories import (
    LEASE,
    MARKS,
    PROVIDER,
    Teller,
    checkpoint,
    delete,
    now,
    save,
    save_many,
)

FEW = 6
"""Results in the database that a crowd finds; the numbers are 0 and on."""
_AT_LEAST, _AT_MOST = 3, 8
"""How often a process saves, or claims, for as long as another works."""
_forking = multiprocessing.get_context("fork")


class Member:
    """One process of a crowd: what it does, and that it tells."""

    def __init__(self, url: str, marks: Path, is_over: Event) -> None:
        self._tell, self._is_over, self._url = Teller(marks), is_over, url
        self.place = Path(url.removeprefix("sqlite:///")).parent

    @property
    def engine(self) -> Engine:
        return shared_engine(self._url)

    def does(self, act: Callable[[], Any], *facts: Fact) -> Any:
        self._tell.tell(begun=facts)
        given = act()
        self._tell.tell(acknowledged=facts)
        return given

    def writes(self, act: Callable[..., Any], *values: Any, fact: Fact) -> None:
        self.does(partial(self._write, act, *values), fact)

    def saves(self, number: int) -> None:
        self.does(lambda: save(number), (SAVED, number))

    def saves_many(self, numbers: Sequence[int]) -> None:
        self.does(lambda: save_many(numbers), *((SAVED, number) for number in numbers))

    def claims(self, limit: int) -> list[Delivery]:
        claimed: list[Delivery] = self._write(
            claims.claim, PROVIDER, limit=limit, lease=LEASE, worker="host:1", now=now()
        )
        self._tell.tell(acknowledged=[(CLAIMED, delivery.id) for delivery in claimed])
        return claimed

    def goes_on(self, done: int) -> bool:
        """Whether the others still work, within limits that keep a recording small."""
        return done < _AT_LEAST or (done < _AT_MOST and not self._is_over.is_set())

    def awaits_the_others(self) -> None:
        self._is_over.wait()

    def _write(self, act: Callable[..., Any], *values: Any, **named: Any) -> Any:
        with writing(self.engine) as connection:
            return act(connection, *values, **named)


Work = Callable[[Member], None]


def producer(first: int) -> Work:
    """Saves one by one, a batch, and the first once more."""

    def work(member: Member) -> None:
        for number in range(first, first + 3):
            member.saves(number)
        member.saves_many(range(first + 10, first + 14))
        member.saves(first)

    return work


def killed(member: Member) -> None:
    """Makes the database's directory and no more: a process that is killed there has not made it durable."""
    member.place.mkdir()


def saver(first: int) -> Work:
    """Saves for as long as another process works."""

    def work(member: Member) -> None:
        done = 0
        while member.goes_on(done):
            member.saves(first + done)
            done += 1

    return work


def daemon(member: Member) -> None:
    rounds = 0
    while member.goes_on(rounds):
        for delivery in member.claims(2):
            _deliver(member, delivery)
        rounds += 1


def _deliver(member: Member, delivery: Delivery) -> None:
    """Records what comes of the delivery: every third is refused."""
    if delivery.id % 3 == 0:
        refused = (delivery, ErrorKind.REJECTED, "it is too large", now())
        member.writes(outcomes.record_dead, *refused, fact=(DEAD, delivery.id))
        return
    member.writes(outcomes.note_creating, delivery, "somewhere", now(), fact=(CLAIMED, delivery.id))
    confirmed = (delivery, Run(f"run-{delivery.id}", None), "somewhere", now())
    member.writes(outcomes.record_delivered, *confirmed, fact=(DELIVERED, delivery.id))


def carer(member: Member) -> None:
    """A checkpoint, erasing, `db compact`, and another checkpoint."""
    member.does(lambda: checkpoint(member.engine))
    member.does(lambda: delete(0), (ERASED, 0))
    member.does(lambda: _prune(member), (ERASED, 1), (ERASED, 2))
    member.does(lambda: sqlite_file.compact(member.engine))
    member.does(lambda: checkpoint(member.engine))


def _prune(member: Member) -> None:
    """What is owed to nobody any more: the deliveries of the results 1 and 2, two each."""
    with writing(member.engine) as connection:
        retry_discard.discard(connection, [3, 4, 5, 6], "not wanted", now())
    pruning.prune_all(member.engine, timedelta(seconds=1), now() + timedelta(hours=1))


def keeper(member: Member) -> None:
    """Makes two backups."""
    for number in (1, 2):
        file = backup_file(member.place, number)
        member.does(partial(sqlite_file.copy_to, member.engine, file), (BACKUP, number))


def backup_file(place: Path, number: int) -> Path:
    return (place / BACKUP_FILE).with_name(f"backup-{number}.db")


def dying(member: Member) -> None:
    """Dies within a transaction of which much is in the files: whoever comes next has to undo it."""
    member.saves(300)
    with writing(member.engine) as connection:
        connection.exec_driver_sql("PRAGMA cache_size = 5")  # pages go to the files before the end
        for number in (3, 4):
            deletion.delete(connection, f"test-{number}", "user-1", now())
        os._exit(0)


def successor(member: Member) -> None:
    member.awaits_the_others()
    for number in range(200, 203):
        member.saves(number)


CROWDS: dict[str, Mapping[str, Work]] = {
    "first-saves": {"one": producer(100), "other": producer(200)},
    "producers": {"a": producer(100), "b": producer(200), "c": producer(300), "daemon": daemon},
    "care": {"a": saver(100), "b": saver(200), "carer": carer},
    "taken-over": {"a": saver(100), "dying": dying, "successor": successor},
    "backups": {"a": saver(100), "b": saver(200), "keeper": keeper},
}
_BEFORE: dict[str, Mapping[str, Work]] = {"first-saves": {"killed": killed}}
"""Who comes and goes before the others come."""
_WAITED_FOR = {
    "producers": ("a", "b", "c"),
    "care": ("carer",),
    "taken-over": ("dying",),
    "backups": ("keeper",),
}
"""Whose end ends the work of the others, who would go on."""


def gather(name: str, url: str, place: Path) -> None:
    """Runs the processes of a story, beginning all at once, and waits for them."""
    if name in _BEFORE:
        _run(name, _BEFORE[name], (), url, place)
    _run(name, CROWDS[name], _WAITED_FOR.get(name, ()), url, place)


def _run(
    name: str, crowd: Mapping[str, Work], waited_for: Sequence[str], url: str, place: Path
) -> None:
    is_over, barrier = _forking.Event(), _forking.Barrier(len(crowd))
    processes = {
        who: _forking.Process(
            target=_work, args=(work, url, _marks(place, name, who), barrier, is_over)
        )
        for who, work in crowd.items()
    }
    for process in processes.values():
        process.start()
    for who in waited_for:
        processes[who].join()
    is_over.set()
    for process in processes.values():
        process.join()
    if wrong := [who for who, process in processes.items() if process.exitcode]:
        raise AssertionError(f"{name}: {wrong} failed")


def _marks(place: Path, name: str, who: str) -> Path:
    return place.with_name(f"{MARKS}-{name}-{who}")


def _work(work: Work, url: str, marks: Path, barrier: Barrier, is_over: Event) -> None:
    barrier.wait()
    member = Member(url, marks, is_over)
    work(member)
    let_go(url)
