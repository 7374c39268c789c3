"""Imports a bundle into the database: saves another site's results
and deliveries, or records what its receipts tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fairmind_sync.errors import BundleError, PayloadError
from fairmind_sync.event_log import get_logger
from fairmind_sync.handover import carried, partners
from fairmind_sync.handover.checked_bundle import Gate, ReadBundle, opened
from fairmind_sync.outbox import arrivals, bundle_log, homecoming, operator_log
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.sqlite_file import require_space
from fairmind_sync.text import counted

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.handover.identity import OwnSite
    from fairmind_sync.outbox.operator_log import Actor
    from fairmind_sync.results.privacy import Pattern

_AT_ONCE = 100
_KEY = re.compile(r"[0-9a-f]{32}")
_Item = TypeVar("_Item")

log = get_logger()


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What was read from whom, and what became of how many deliveries, by words.

    The words are those of `arrivals.take_in` for results, those of `homecoming.hear` for receipts.
    """

    file: Path
    kind: str
    bundle_key: str
    site: str
    is_new: bool
    counts: dict[str, int]


def read(
    engine: Engine,
    own: OwnSite,
    file: Path,
    private_fields: Sequence[Pattern],
    *,
    most_bytes: int,
    by: Actor | None = None,
) -> ReadReport:
    """Reads the bundle, of results or of receipts; all of it is checked before anything is changed.

    Each hundred entries are one transaction. A bundle that was read before, or in part, can be read again.

    Raises:
        BundleError: the bundle is refused; nothing was changed, unless the message says otherwise.
        StorageError: the database can't be written; what was read before stays.
    """
    gate = Gate(own.public, own.private, partners.trusted(engine), most_bytes)
    try:
        return _read(engine, file, gate, private_fields, by)
    except PayloadError as error:
        raise BundleError(
            f"{file} holds what this database can't take: {error} What was read before that stays."
        ) from error


def _read(
    engine: Engine, file: Path, gate: Gate, private_fields: Sequence[Pattern], by: Actor | None
) -> ReadReport:
    with opened(file, gate) as bundle:
        if not _KEY.fullmatch(bundle.key):
            raise BundleError(f"{file} has no key of a bundle.")
        reader = _Reader(engine, bundle, file, by)
        if bundle.kind == "results":
            return reader.take_in(private_fields)
        if bundle.kind == "receipts":
            return reader.hear()
        raise BundleError(
            f"{file} holds {bundle.kind!r}, which this version doesn't know. "
            "Upgrade this installation: pip install --upgrade fairmind-sync."
        )


class _Reader:
    def __init__(self, engine: Engine, bundle: ReadBundle, file: Path, by: Actor | None) -> None:
        self._engine = engine
        self._bundle = bundle
        self._site = bundle.sender.fingerprint
        self._file = file
        self._by = by

    def take_in(self, private_fields: Sequence[Pattern]) -> ReadReport:
        every = (carried.arriving(entry, private_fields) for entry in self._bundle.entries())
        keys = carried.once(each.key for one in every for each in one.deliveries)
        with writing(self._engine) as connection:
            if born := arrivals.born_here(connection, keys):
                raise BundleError(
                    f"the bundle of site {self._bundle.sender.name} holds "
                    f"{counted(len(born), 'delivery', 'deliveries')} that began here, and another "
                    "site has them. Take them back there, by: fairmind-sync bundle take-back"
                )
        require_space(self._engine)
        counts: Counter[str] = Counter()
        found = (carried.arriving(entry, private_fields) for entry in self._bundle.entries())
        for part in _parts(found):
            with writing(self._engine) as connection:
                now = current_time(self._engine)
                counts += arrivals.take_in(connection, self._site, self._bundle.key, part, now)
        return self._report(len(keys), counts, "import", counts["new"] + counts["retried"])

    def hear(self) -> ReadReport:
        sequence = self._bundle.sequence
        if type(sequence) is not int or not 0 < sequence < 2**62:
            raise BundleError(f"{self._file} has no number by which receipts are put in order.")
        keys = carried.once(carried.told(entry).key for entry in self._bundle.entries())
        counts: Counter[str] = Counter()
        for part in _parts(carried.told(entry) for entry in self._bundle.entries()):
            with writing(self._engine) as connection:
                now = current_time(self._engine)
                counts += homecoming.hear(
                    connection, self._site, self._bundle.sender.name, sequence, part, now
                )
        return self._report(len(keys), counts, "receipts", counts["delivered"] + counts["dead"])

    def _report(
        self, deliveries: int, counts: Counter[str], action: operator_log.Action, changed: int
    ) -> ReadReport:
        with writing(self._engine) as connection:
            is_new = self._note(connection, deliveries, current_time(self._engine))
            operator_log.note(
                connection,
                action,
                self._by,
                current_time(self._engine),
                subject=f"bundle {self._bundle.key} of site {self._bundle.sender.name}",
                count=changed,
            )
        kinds = homecoming.COUNTED if action == "receipts" else ("new", "known", "retried", "owed")
        told = {kind: counts[kind] for kind in kinds}
        log.info("bundle.read", site=self._bundle.sender.name, kind=self._bundle.kind, **told)
        return ReadReport(
            self._file,
            self._bundle.kind,
            self._bundle.key,
            self._bundle.sender.name,
            is_new,
            told | ({"deleted": counts["deleted"]} if action == "receipts" else {}),
        )

    def _note(self, connection: Connection, deliveries: int, now: datetime) -> bool:
        of = self._bundle
        return bundle_log.note(
            connection,
            BundleRecord(
                *("in", of.kind, of.key, self._site, of.sender.name, now),
                *(deliveries, str(self._file)),
            ),
        )


def _parts(every: Iterator[_Item]) -> Iterator[list[_Item]]:
    while part := [*islice(every, _AT_ONCE)]:
        yield part
