"""Reads and writes each provider's state: ready, offline (out of reach) or blocked (somebody must fix
something), and a pause; when its next probe is due, and who makes it.

A provider without a row is ready. While a provider isn't ready, its deliveries aren't claimed, and the
provider is probed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from fairmind_sync.backoff import LONGEST_DELAY, probe_delay
from fairmind_sync.errors import (
    ProviderBlockedError,
    ProviderOfflineError,
    ProviderUnavailableError,
)
from fairmind_sync.provider_names import PROVIDERS, UNDECIDED, ProviderName
from fairmind_sync.results.states import BLOCKED, OFFLINE, READY
from fairmind_sync.storage.statements import upsert
from fairmind_sync.storage.tables import provider_table

BLOCKED_PROBE = timedelta(minutes=2)
PROBE_TIME = timedelta(seconds=30)
"""The longest that a probe takes, the start of its worker process included."""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A provider's state since `since`; `next_probe_at` is set unless the state is ready.

    `address` is the URL at which an offline provider could not be reached, None where that isn't known.
    `paused_at` is set while an operator holds the provider's deliveries back, whatever the state.
    """

    state: str
    reason: str | None
    since: datetime | None
    next_probe_at: datetime | None
    last_success_at: datetime | None
    address: str | None = None
    paused_at: datetime | None = None

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def is_ready(self) -> bool:
        return self.state == READY

    def may_try(self, now: datetime) -> bool:
        """Returns whether deliveries, or else a due probe, may be tried: not while the provider is paused."""
        return not self.is_paused and (self.next_probe_at is None or self.next_probe_at <= now)


_UNKNOWN = ProviderState(READY, None, None, None, None)


def read(connection: Connection, provider: ProviderName) -> ProviderState:
    row = connection.execute(_READ, {"of_provider": provider}).one_or_none()
    return ProviderState(*row) if row else _UNKNOWN


def read_all(connection: Connection) -> dict[str, ProviderState]:
    """Returns the state of each provider by its name; whoever has no row is ready."""
    known = {name: ProviderState(*row) for name, *row in connection.execute(_READ_ALL)}
    return {name: known.get(name, _UNKNOWN) for name in (*PROVIDERS, UNDECIDED)}


def take_probe(connection: Connection, provider: ProviderName, now: datetime) -> bool:
    """Returns whether a probe is due and the caller has to make the probe, which one daemon does for all.

    If nobody records a result of the probe, another is due after `PROBE_TIME`.
    """
    asked = {"of_provider": provider, "at": now, "next_probe_at": now + PROBE_TIME}
    return bool(connection.execute(_TAKE_PROBE, asked).rowcount)


def note_unavailable(
    connection: Connection,
    provider: ProviderName,
    error: ProviderUnavailableError,
    reason: str,
    *,
    chance: Random,
    now: datetime,
) -> bool:
    """Records that the provider is blocked or offline, as the error says, with the reason in words.

    Returns:
        Whether the state is another than before, or the reason of a blocked provider is.
    """
    if isinstance(error, ProviderBlockedError):
        return note_blocked(connection, provider, reason, chance=chance, now=now)
    away = error if isinstance(error, ProviderOfflineError) else ProviderOfflineError(reason)
    return note_offline(
        connection,
        provider,
        reason,
        after=away.after,
        address=away.address,
        chance=chance,
        now=now,
    )


def note_offline(
    connection: Connection,
    provider: ProviderName,
    reason: str,
    *,
    after: timedelta,
    address: str | None = None,
    chance: Random,
    now: datetime,
) -> bool:
    """Records that the provider can't be reached; `after`, before which no probe comes, counts up to an hour.

    Returns:
        Whether the provider was not offline before.
    """
    before = read(connection, provider)
    since = before.since if before.state == OFFLINE and before.since else now
    next_probe_at = now + max(min(after, LONGEST_DELAY), probe_delay(now - since, chance))
    _write(
        connection,
        provider,
        OFFLINE,
        reason=reason,
        since=since,
        next_probe_at=next_probe_at,
        address=address,
    )
    return before.state != OFFLINE


def note_blocked(
    connection: Connection, provider: ProviderName, reason: str, *, chance: Random, now: datetime
) -> bool:
    """Records that the provider refuses us; a probe within `BLOCKED_PROBE` sees whether somebody fixed why.

    Returns:
        Whether the provider was not blocked for this reason before.
    """
    before = read(connection, provider)
    since = before.since if before.state == BLOCKED and before.since else now
    next_probe_at = now + BLOCKED_PROBE * chance.uniform(0.5, 1)
    _write(connection, provider, BLOCKED, reason=reason, since=since, next_probe_at=next_probe_at)
    return (before.state, before.reason) != (BLOCKED, reason)


def note_ready(connection: Connection, provider: ProviderName, now: datetime) -> bool:
    """Records that the provider takes runs; returns whether it was offline or blocked before."""
    before = read(connection, provider)
    _write(connection, provider, READY, reason=None, since=now, next_probe_at=None)
    return not before.is_ready


def note_success(connection: Connection, provider: ProviderName, now: datetime) -> bool:
    """Records that the provider confirmed a run just now, and so is ready.

    Returns:
        Whether the provider was offline or blocked before: another process may have found it so meanwhile.
    """
    noted = connection.execute(_NOTE_SUCCESS, {"of_provider": provider, "last_success_at": now})
    if noted.rowcount:
        return False
    is_news = note_ready(connection, provider, now)
    connection.execute(_NOTE_SUCCESS, {"of_provider": provider, "last_success_at": now})
    return is_news


def pause(connection: Connection, provider: ProviderName, now: datetime) -> bool:
    """Has none of the provider's deliveries claimed until `resume`; those under way end as they would.

    Returns:
        Whether the provider was not paused before.
    """
    paused = connection.execute(_PAUSE, {"provider": provider, "since": now, "paused_at": now})
    return paused.first() is not None


def resume(connection: Connection, provider: ProviderName, now: datetime) -> bool:
    """Ends a pause, and has an offline or blocked provider probed at once.

    Returns:
        Whether the provider was paused, offline or blocked.
    """
    unpaused = connection.execute(
        update(provider_table)
        .where(provider_table.c.provider == provider, provider_table.c.paused_at.is_not(None))
        .values(paused_at=None)
    )
    return bool(probe_soon(connection, now, [provider])) or bool(unpaused.rowcount)


def probe_soon(
    connection: Connection, now: datetime, providers: Sequence[ProviderName] = PROVIDERS
) -> list[ProviderName]:
    """Has the providers that aren't ready probed at once: settings or the network may have changed.

    Returns:
        The providers that weren't ready.
    """
    unready = connection.execute(
        update(provider_table)
        .where(provider_table.c.state != READY, provider_table.c.provider.in_(providers))
        .values(next_probe_at=now, address=None)
        .returning(provider_table.c.provider)
    )
    return [row.provider for row in unready]


def _write(connection: Connection, provider: ProviderName, state: str, **values: Any) -> None:
    values = {"state": state, "address": None, **values}
    connection.execute(_upsert_of(tuple(values)), {"provider": provider, **values})


@cache
def _upsert_of(names: tuple[str, ...]) -> Any:
    new = upsert(provider_table)
    given = {name: new.excluded[name] for name in names}
    return new.on_conflict_do_update(index_elements=["provider"], set_=given)


# Made once: a daemon that looks for work reads it more often than anything else.
_STATE = (
    provider_table.c.state,
    provider_table.c.reason,
    provider_table.c.since,
    provider_table.c.next_probe_at,
    provider_table.c.last_success_at,
    provider_table.c.address,
    provider_table.c.paused_at,
)
_READ = select(*_STATE).where(provider_table.c.provider == bindparam("of_provider"))
_READ_ALL = select(provider_table.c.provider, *_STATE)
_TAKE_PROBE = update(provider_table).where(
    provider_table.c.provider == bindparam("of_provider"),
    provider_table.c.state != READY,
    provider_table.c.next_probe_at <= bindparam("at"),
)
_NOTE_SUCCESS = update(provider_table).where(
    provider_table.c.provider == bindparam("of_provider"), provider_table.c.state == READY
)
_NEW_PAUSE = upsert(provider_table).values(state=READY)
_PAUSE = _NEW_PAUSE.on_conflict_do_update(
    index_elements=["provider"],
    set_={"paused_at": _NEW_PAUSE.excluded.paused_at},
    where=provider_table.c.paused_at.is_(None),
).returning(provider_table.c.provider)
