"""Takes in results and deliveries of another site's bundle, under that site's keys; later tells what became
of them, for receipts to it.

Each function runs inside the caller's transaction. A delivery that is known by its key changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, insert, or_, select, tuple_, update

from fairmind_sync.outbox import retry_discard, saving
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.results.states import DEAD, DISCARDED, HANDED_OVER, PENDING
from fairmind_sync.storage.advisory_locks import advisory_lock
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import arrivals_table, hand_overs_table, outbox_table

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ArrivingDelivery:
    """A delivery as its bundle has it; `epoch` is the number of its hand-over to this site."""

    provider: str
    key: str
    epoch: int
    create_attempted_at: datetime | None


@dataclass(frozen=True, slots=True)
class ArrivingResult:
    """A result ready to be saved, the number of its revision at its site, and its deliveries."""

    new: NewResult
    revision: int
    deliveries: tuple[ArrivingDelivery, ...]


@dataclass(frozen=True, slots=True)
class ToldOutcome:
    """What became of a delivery that came from another site, as receipts tell it.

    `state` is pending, delivered, dead or discarded. `was_tried`: a run may exist at the provider.
    """

    provider: str
    key: str
    epoch: int
    state: str
    was_tried: bool
    run_id: str | None
    run_url: str | None
    destination: str | None
    finished_at: datetime | None
    error_kind: str | None
    error: str | None
    evidence_state: str | None
    evidence_reason: str | None


def born_here(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Returns those of the keys whose deliveries were made by a save in this database."""
    came = exists().where(arrivals_table.c.delivery_id == outbox_table.c.id)
    found: list[str] = []
    for first in range(0, len(keys), _AT_ONCE):
        some = outbox_table.c.delivery_key.in_(keys[first : first + _AT_ONCE])
        wanted = select(outbox_table.c.delivery_key).where(some, ~came)
        found += connection.execute(wanted).scalars()
    return found


def take_in(
    connection: Connection,
    site: str,
    bundle_key: str,
    results: Sequence[ArrivingResult],
    now: datetime,
) -> Counter[str]:
    """Saves the results with their deliveries, as far as they are new.

    Returns:
        How many deliveries are `new`, `known`, `retried` because they were dead here and that site has handed
        them over again, or `owed` here already under another key, as the same result was saved here too.
    """
    advisory_lock(connection, "save many")
    keys = [each.key for one in results for each in one.deliveries]
    known = _known(connection, site, keys)
    counts: Counter[str] = Counter()
    for one in results:
        unknown = [each for each in one.deliveries if each.key not in known]
        if unknown:
            saved = saving.save_revision(connection, one.new, one.revision, now)
            for each in unknown:
                counts[_add(connection, site, bundle_key, saved.result_id, each, now)] += 1
        for each in one.deliveries:
            if each.key in known:
                counts[_hear_again(connection, site, each, known[each.key], now)] += 1
    return counts


def outcomes(
    connection: Connection, site: str, since: datetime | None = None
) -> Iterator[ToldOutcome]:
    """Yields what became of all that came from the site, as it stands now.

    `since`: only of what ended then or later, or was heard of then from a site that it was handed on to.
    """
    of, columns = arrivals_table.c, (arrivals_table.c.delivery_id, arrivals_table.c.delivery_key)
    chosen = (
        select(of.delivery_id, of.delivery_key.label("carried_key"), of.epoch, outbox_table)
        .join_from(arrivals_table, outbox_table)
        .where(of.site == site)
        .order_by(*columns)
        .limit(_AT_ONCE)
    )
    if since is not None:
        on = hand_overs_table.c
        heard = exists().where(on.delivery_id == outbox_table.c.id, on.heard_at >= since)
        chosen = chosen.where(or_(outbox_table.c.finished_at >= since, heard))
    wanted = chosen
    while rows := connection.execute(wanted).all():
        yield from (_told(row) for row in rows)
        wanted = chosen.where(tuple_(*columns) > tuple_(rows[-1][0], rows[-1][1]))


def _known(connection: Connection, site: str, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Returns, by key, the ids of deliveries that came from the site before, and their newest epochs."""
    of = arrivals_table.c
    found: dict[str, tuple[int, int]] = {}
    for first in range(0, len(keys), _AT_ONCE):
        some = of.delivery_key.in_(keys[first : first + _AT_ONCE])
        wanted = select(of.delivery_key, of.delivery_id, of.epoch).where(of.site == site, some)
        found |= {row[0]: (row[1], row[2]) for row in connection.execute(wanted)}
    return found


def _add(
    connection: Connection,
    site: str,
    bundle_key: str,
    result_id: int,
    delivery: ArrivingDelivery,
    now: datetime,
) -> str:
    of = outbox_table.c
    attempted = delivery.create_attempted_at
    added = connection.execute(
        upsert(outbox_table)
        .values(
            result_id=result_id,
            provider=delivery.provider,
            delivery_key=delivery.key,
            status=PENDING,
            attempts=0,
            due_at=now,
            created_at=now,
            create_attempted_at=attempted and min(attempted, now),  # that site's clock may be ahead
        )
        .on_conflict_do_nothing()
        .returning(of.id)
    ).scalar()
    delivery_id = (
        added
        or _owed(connection, of.delivery_key == delivery.key)
        or _owed(connection, (of.result_id == result_id) & (of.provider == delivery.provider))
    )
    connection.execute(
        insert(arrivals_table).values(
            site=site,
            delivery_key=delivery.key,
            delivery_id=delivery_id,
            bundle_key=bundle_key,
            epoch=delivery.epoch,
            arrived_at=now,
        )
    )
    return "new" if added else "owed"


def _owed(connection: Connection, condition: ColumnElement[bool]) -> int | None:
    return connection.execute(select(outbox_table.c.id).where(condition)).scalar()


def _hear_again(
    connection: Connection,
    site: str,
    delivery: ArrivingDelivery,
    known: tuple[int, int],
    now: datetime,
) -> str:
    """Retries the delivery if it is dead, and its site has handed it over once more since it came."""
    delivery_id, epoch = known
    if delivery.epoch <= epoch:
        return "known"
    of = arrivals_table.c
    connection.execute(
        update(arrivals_table)
        .where(of.site == site, of.delivery_key == delivery.key)
        .values(epoch=delivery.epoch)
    )
    return "retried" if retry_discard.retry(connection, [delivery_id], now) else "known"


def _told(row: Any) -> ToldOutcome:
    failed = row.status in (DEAD, DISCARDED)
    return ToldOutcome(
        provider=row.provider,
        key=row.carried_key,
        epoch=row.epoch,
        state=PENDING if row.status == HANDED_OVER else row.status,
        was_tried=row.create_attempted_at is not None,
        run_id=row.run_id,
        run_url=row.run_url,
        destination=row.destination,
        finished_at=row.finished_at,
        error_kind=row.last_error_kind if failed else None,
        error=row.last_error if failed else None,
        evidence_state=row.evidence_state,
        evidence_reason=row.evidence_reason,
    )
