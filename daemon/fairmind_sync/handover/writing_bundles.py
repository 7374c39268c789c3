"""Exports from the database into a bundle: chooses and hands over
deliveries, or writes receipts for another site.

The order makes no crash lose anything: all is on the disk but the signature, then the deliveries are handed
over in one transaction, then the bundle is signed. Unsigned it is no bundle, so nobody delivers what is still
pending here; handed over without a bundle is what `export --again` is for. Ctrl+C waits from
the commit to the signature.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from fairmind_sync import __version__
from fairmind_sync.errors import BundleError
from fairmind_sync.event_log import get_logger
from fairmind_sync.handover import bundle_format, carried
from fairmind_sync.handover.filling import fill, nothing_fits
from fairmind_sync.handover.held_signals import held_back
from fairmind_sync.handover.sealing import Encryption
from fairmind_sync.handover.unsigned_bundle import UnsignedBundle
from fairmind_sync.outbox import (
    arrivals,
    bundle_log,
    deletion,
    hand_overs,
    operator_log,
    repairs,
    sites,
)
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.storage import erasure
from fairmind_sync.storage.engine import current_time, reading_at_leisure, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from fairmind_sync.handover.identity import OwnSite
    from fairmind_sync.handover.public_site import PublicSite
    from fairmind_sync.outbox.delivery_lookup import RunFilter
    from fairmind_sync.outbox.operator_log import Actor

_TRIES = 5
_ANY_SIZE = 2**62

log = get_logger()


class _ChangedMeanwhileError(Exception):
    """A delivery was claimed, or changed otherwise, since it was read for the bundle."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes a bundle for whom: this site, the recipient, and the operator who asked for it."""

    engine: Engine
    own: OwnSite
    recipient: PublicSite
    by: Actor | None = None


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """A bundle that was written; without any deliveries there is no file.

    `remaining` counts deliveries that can be handed over and had no room; `too_large` are the tests whose
    results are larger than any bundle holds, which were left out.
    """

    file: Path
    bundle_key: str
    deliveries: int
    results: int
    bytes: int
    remaining: int
    too_large: tuple[str, ...] = ()


def export(
    sender: Sender,
    file: Path,
    wanted: RunFilter,
    *,
    most_bytes: int,
    is_encrypted: bool = False,
    again: bool = False,
) -> WrittenBundle:
    """Hands deliveries that are pending over to the recipient, oldest first, as one bundle.

    `again`: those that the recipient has already, and of which no receipts have come home.

    Raises:
        BundleError: there is such a file, the first result has no room, or deliveries go on changing, as a
            daemon delivers them.
        StorageError: the database can't be used; nothing is handed over.
    """
    require_new(file)
    _put_right(sender.engine)
    for _ in range(_TRIES):
        with _written_to(file):
            bundle = _begun(sender, file, "results", most_bytes, is_encrypted=is_encrypted)
        with suppress(_ChangedMeanwhileError), closing(bundle.unsigned):
            return _export(sender, bundle, wanted, again=again)
    raise BundleError(
        "a daemon or drain delivers at the same time: nothing was handed over. Stop it, and export again."
    )


def write_receipts(
    sender: Sender, file: Path, since: datetime | None = None, *, is_encrypted: bool = False
) -> WrittenBundle:
    """Writes what became of everything that came from the recipient; of what ended since then, if given.

    Raises:
        BundleError: there is such a file.
    """
    require_new(file)
    with writing(sender.engine) as connection:
        sequence = sites.next_sequence(connection, current_time(sender.engine))
    with _written_to(file):
        bundle = _begun(
            sender, file, "receipts", _ANY_SIZE, is_encrypted=is_encrypted, sequence=sequence
        )
    with closing(bundle.unsigned):
        with _written_to(file):
            count = _fill_receipts(sender, bundle.unsigned, since)
            if not count:
                return WrittenBundle(file, bundle.key, 0, 0, 0, 0)
            bundle.unsigned.finish()
        require_new(file)
        with writing(sender.engine) as connection:
            _note(connection, sender, bundle, count, current_time(sender.engine))
        size = _signed(sender, bundle)
    log.info("bundle.receipts_written", site=sender.recipient.name, deliveries=count)
    return WrittenBundle(file, bundle.key, count, 0, size, 0)


def _fill_receipts(sender: Sender, unsigned: UnsignedBundle, since: datetime | None) -> int:
    count = 0
    with reading_at_leisure(sender.engine) as connection:
        for outcome in arrivals.outcomes(connection, sender.recipient.fingerprint, since):
            unsigned.add(carried.entry_of_outcome(outcome))
            count += 1
    return count


def _put_right(engine: Engine) -> None:
    """Corrects times after the clock was set back; finishes deletions that waited for a delivery's end."""
    with writing(engine) as connection:
        now = current_time(engine)
        repairs.correct_times(connection, now=now)
        deletion.finish(connection, now)
    erasure.empty_log(engine)


def require_new(file: Path) -> None:
    """Raises a `BundleError` where there is such a file: the only copy of an earlier bundle, maybe."""
    if os.path.lexists(file):
        raise BundleError(
            f"{file} is there already, and nothing is written over it. Name another; to read this one: "
            "fairmind-sync bundle import"
        )


@contextmanager
def _written_to(file: Path) -> Iterator[None]:
    """Has a full disk, or a stick that was pulled out, name the file: nothing is handed over then."""
    try:
        yield
    except OSError as error:
        raise BundleError(
            f"{file} can't be written: {error.strerror}. Nothing was handed over."
        ) from error


@dataclass(frozen=True, slots=True)
class _BegunBundle:
    file: Path
    key: str
    kind: str
    unsigned: UnsignedBundle


def _begun(
    sender: Sender, file: Path, kind: str, most_bytes: int, *, is_encrypted: bool, **more: object
) -> _BegunBundle:
    key, to = uuid4().hex, sender.recipient
    made_at = current_time(sender.engine).isoformat()
    header = bundle_format.header_of(
        kind, key, sender.own.public, to, made_at=made_at, product=__version__, **more
    )
    encryption = Encryption(to.keys) if is_encrypted else None
    return _BegunBundle(file, key, kind, UnsignedBundle(file, header, most_bytes, encryption))


def _export(
    sender: Sender, bundle: _BegunBundle, wanted: RunFilter, *, again: bool
) -> WrittenBundle:
    site, now = sender.recipient.fingerprint, current_time(sender.engine)
    with _written_to(bundle.file):
        with reading_at_leisure(sender.engine) as connection:
            ids = hand_overs.candidates(connection, wanted, site, now, again=again)
            held = fill(connection, bundle.unsigned, ids, site, now)
        if not ids:
            return WrittenBundle(bundle.file, bundle.key, 0, 0, 0, 0)
        if not held.sent:
            raise nothing_fits(held)
        bundle.unsigned.finish()
    require_new(bundle.file)  # others may have written there meanwhile
    with ExitStack() as until_signed:
        with writing(sender.engine) as connection:
            now = current_time(sender.engine)  # that of the candidates may be over
            if not hand_overs.mark(connection, held.sent, site, bundle.key, now, again=again):
                raise _ChangedMeanwhileError
            _note(connection, sender, bundle, len(held.sent), now)
            until_signed.enter_context(held_back())
        size = _signed(sender, bundle)
    log.info("bundle.exported", site=sender.recipient.name, deliveries=len(held.sent), again=again)
    return WrittenBundle(
        *(bundle.file, bundle.key, len(held.sent), held.results, size),
        remaining=len(ids) - len(held.sent) - held.left_out,
        too_large=tuple(held.too_large),
    )


def _note(
    connection: Connection, sender: Sender, bundle: _BegunBundle, count: int, now: datetime
) -> None:
    to = sender.recipient
    record = BundleRecord(
        *("out", bundle.kind, bundle.key, to.fingerprint, to.name, now, count, str(bundle.file))
    )
    bundle_log.note(connection, record)
    action: operator_log.Action = "export" if bundle.kind == "results" else "receipts"
    subject = f"bundle {bundle.key} for site {to.name}"
    operator_log.note(connection, action, sender.by, now, subject=subject, count=count)


def _signed(sender: Sender, bundle: _BegunBundle) -> int:
    try:
        return bundle.unsigned.sign(sender.own.private)
    except OSError as error:
        if bundle.kind == "receipts":
            raise BundleError(
                f"{bundle.file} could not be finished: {error.strerror}. Write the receipts again: "
                "fairmind-sync bundle receipts"
            ) from error
        raise BundleError(
            f"{bundle.file} could not be finished: {error.strerror}. What it held counts as handed over: run "
            "fairmind-sync bundle export --again"
        ) from error
