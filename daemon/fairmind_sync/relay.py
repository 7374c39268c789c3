"""Claim, deliver, record: one provider's deliveries, batch after batch, until nothing is due.

Database transactions and provider calls alternate and never nest.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import structlog

from fairmind_sync import deletion, lookup, outbox, provider_state, repairs
from fairmind_sync.backoff import retry_delay
from fairmind_sync.clock import utc_now
from fairmind_sync.database import reading, writing
from fairmind_sync.errors import FairmindSyncError, LeaseLostError
from fairmind_sync.logs import redact
from fairmind_sync.providers.base import (
    Dead,
    Delivered,
    Provider,
    ProviderBlockedError,
    ProviderOfflineError,
    ProviderUnavailableError,
    Retry,
)
from fairmind_sync.stream import Stream

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.delivery import Delivery
    from fairmind_sync.provider_names import ProviderName

LEASE = timedelta(seconds=50)
BATCH_TIME = timedelta(seconds=45)
"""A batch that took longer is hung: its worker is ended, before its lease is."""
_TURN_S = 0.05

log = structlog.get_logger()


def worker_name(pid: int | None = None, parent: str = "") -> str:
    """How a worker process of this host signs its attempts; our own by default.

    `parent` tells its daemon from others: hosts and containers may share their names and process ids.
    """
    return f"{socket.gethostname()}:{pid or os.getpid()}" + (parent and f":{parent}")


@dataclass(frozen=True, slots=True)
class Relay:
    """One provider's way from the outbox to its runs.

    `most_leased` is how many of its deliveries may be under way at once, and `most_a_second` how many may
    begin in a second, whoever holds them. `pause` waits for so many seconds.
    `watch` is called with the longest time that each batch may take, and with None at its end: a
    watchdog's hook.
    """

    engine: Engine
    provider: Provider
    max_attempts: int
    most_leased: int | None = None
    most_a_second: int | None = None
    pause: Callable[[float], object] = time.sleep
    should_stop: Callable[[], bool] = lambda: False
    watch: Callable[[timedelta | None], None] = lambda _longest: None
    clock: Callable[[], datetime] = utc_now
    chance: Random = field(default_factory=Random)
    worker: str = field(default_factory=worker_name)
    secrets: tuple[str, ...] = ()

    def drain(self, *, probe_now: bool = False) -> None:
        """Delivers until nothing is due, the provider is unavailable, or we should stop."""
        while not self.should_stop() and self._is_available(probe_now=probe_now):
            batch = self._claim()
            if batch:
                self._deliver(batch)
                probe_now = False
            elif self._keeps_a_pace():
                self.pause(_TURN_S)
            else:
                return

    def _keeps_a_pace(self) -> bool:
        """Whether something is due still, which has to wait for its turn."""
        if self.most_a_second is None:
            return False
        with reading(self.engine) as connection:
            return lookup.has_work(connection, self.provider.name, self.clock(), self.most_leased)

    def _is_available(self, *, probe_now: bool) -> bool:
        """Whether the provider takes runs; one that did not lately is asked, when that is due."""
        with reading(self.engine) as connection:
            state = provider_state.read(connection, self.provider.name)
        if state.is_paused:
            return False
        if state.is_ready:
            return True
        return (probe_now or state.may_try(self.clock())) and self._probe()

    def _probe(self) -> bool:
        try:
            self.provider.probe()
        except ProviderUnavailableError as error:
            self._note_unavailable(error)
            return False
        with writing(self.engine) as connection:
            provider_state.note_ready(connection, self.provider.name, self.clock())
        log.info("provider.recovered", provider=self.provider.name)
        return True

    def _claim(self, *, abandoned: bool = True) -> list[Delivery]:
        with writing(self.engine) as connection:
            deletion.finish(connection, self.clock())
            buried = repairs.bury_exhausted(
                connection,
                self.provider.name,
                max_attempts=self.max_attempts,
                now=self.clock(),
            )
            room = outbox.room(
                connection,
                self.provider.name,
                self.clock(),
                most=self.most_leased,
                most_a_second=self.most_a_second,
            )
            batch = outbox.claim(
                connection,
                self.provider.name,
                limit=min(self.provider.batch_size, room),
                lease=LEASE,
                worker=self.worker,
                now=self.clock(),
                abandoned=abandoned,
            )
        for delivery_id in buried:
            log.error("delivery.dead", delivery=delivery_id, kind="worker_died")
        if batch:
            log.debug("delivery.claimed", provider=self.provider.name, count=len(batch))
        return batch

    def _deliver(self, first: list[Delivery]) -> None:
        """Delivers what was claimed, and claims on while more can start in time.

        Whatever has no outcome at the end is given back, and its attempt doesn't count. Unless nobody
        foresaw what happened: then it counts, so that a bug can't hold the rest up for ever.
        """
        may_be_more = len(first) >= self.provider.batch_size
        stream = Stream(first, self._claim_more if may_be_more else list, self.clock)
        reason = "not started"
        self.watch(BATCH_TIME)
        try:
            for delivery in self._deliver_and_record(stream):
                del stream.taken[delivery.id]
        except ProviderUnavailableError as error:
            reason = redact(str(error), self.secrets)
            self._note_unavailable(error)
        except FairmindSyncError:
            raise
        except Exception:
            stream.keep_all()
            raise
        finally:
            self.watch(None)
            if stream.taken or stream.waiting:
                with writing(self.engine) as connection:
                    outbox.release(connection, [*stream.taken.values()], self.clock(), reason)
                    outbox.unclaim(connection, stream.waiting)

    def _claim_more(self) -> list[Delivery]:
        """While others are under way: nothing that may end this process, nothing if paused meanwhile."""
        with reading(self.engine) as connection:
            if provider_state.read(connection, self.provider.name).is_paused:
                return []
        return self._claim(abandoned=False)

    def _deliver_and_record(self, stream: Stream) -> Generator[Delivery]:
        """Yields what is recorded. A failure is a delivery's own only if the provider answers then."""
        away: list[ProviderUnavailableError] = []
        journal = _OutboxJournal(self.engine, self.clock)
        all_reports = self.provider.deliver(
            stream, journal, lambda: not away and not self.should_stop() and stream.may_start()
        )
        with closing(all_reports):
            for reports in all_reports:
                delivered = [(one, how) for one, how in reports if isinstance(how, Delivered)]
                if delivered:
                    self._record_delivered(delivered)
                yield from (delivery for delivery, _ in delivered)
                for delivery, outcome in reports:
                    if isinstance(outcome, Delivered):
                        continue
                    if isinstance(outcome, Dead) or not self._is_away(away):
                        self._record_failed(delivery, self._without_secrets(outcome))
                        yield delivery
        if away:
            raise away[0]

    def _without_secrets(self, outcome: Retry | Dead) -> Retry | Dead:
        """A provider's words may repeat what it was sent."""
        return replace(outcome, reason=redact(outcome.reason, self.secrets))

    def _is_away(self, away: list[ProviderUnavailableError]) -> bool:
        """Asks the provider once; what it finds is kept in the list."""
        if not away:
            try:
                self.provider.probe()
            except ProviderUnavailableError as error:
                away.append(error)
        return bool(away)

    def _record_delivered(self, reports: Sequence[tuple[Delivery, Delivered]]) -> None:
        """In one transaction: those that end together cost one."""
        now = self.clock()
        lost = set()
        with writing(self.engine) as connection:
            for delivery, outcome in reports:
                try:
                    outbox.record_delivered(
                        connection, delivery, outcome.run, outcome.destination, now
                    )
                except LeaseLostError:
                    lost.add(delivery.id)
            provider_state.note_success(connection, self.provider.name, now)
        for delivery, outcome in reports:
            bound = _bound_log(delivery)
            if delivery.id in lost:
                bound.warning("delivery.lease_lost", outcome="Delivered")
            else:
                bound.info("delivery.delivered", run_id=outcome.run.id, url=outcome.run.url)

    def _record_failed(self, delivery: Delivery, outcome: Retry | Dead) -> None:
        bound = _bound_log(delivery)
        try:
            if isinstance(outcome, Retry) and delivery.attempts < self.max_attempts:
                due_at = self._record_retry(delivery, outcome)
                bound.warning(
                    "delivery.retry_scheduled",
                    kind=outcome.kind,
                    reason=outcome.reason,
                    due_at=due_at.isoformat(),
                )
            else:
                self._record_dead(delivery, outcome)
                bound.error("delivery.dead", kind=outcome.kind, reason=outcome.reason)
        except LeaseLostError:
            bound.warning("delivery.lease_lost", outcome=type(outcome).__name__)

    def _record_retry(self, delivery: Delivery, outcome: Retry) -> datetime:
        now = self.clock()
        due_at = now + retry_delay(delivery.attempts, self.chance, at_least=outcome.after)
        with writing(self.engine) as connection:
            outbox.record_retry(
                connection, delivery, outcome.kind, outcome.reason, due_at=due_at, now=now
            )
        return due_at

    def _record_dead(self, delivery: Delivery, outcome: Retry | Dead) -> None:
        with writing(self.engine) as connection:
            outbox.record_dead(connection, delivery, outcome.kind, outcome.reason, self.clock())

    def _note_unavailable(self, error: ProviderUnavailableError) -> None:
        note_unavailable(
            self.engine, self.provider.name, error, self.chance, self.clock(), self.secrets
        )


def note_unavailable(
    engine: Engine,
    provider: ProviderName,
    error: ProviderUnavailableError,
    chance: Random,
    now: datetime,
    secrets: tuple[str, ...] = (),
) -> None:
    """Writes down that the provider takes nothing; logs it once, not at each probe."""
    reason = redact(str(error), secrets)
    with writing(engine) as connection:
        if isinstance(error, ProviderBlockedError):
            event = "provider.blocked"
            is_news = provider_state.note_blocked(
                connection, provider, reason, chance=chance, now=now
            )
        else:
            event = "provider.offline"
            away = (
                error if isinstance(error, ProviderOfflineError) else ProviderOfflineError(reason)
            )
            is_news = provider_state.note_offline(
                connection,
                provider,
                reason,
                after=away.after,
                address=away.address,
                chance=chance,
                now=now,
            )
    if is_news:
        log.error(event, provider=provider, reason=reason)


def _bound_log(delivery: Delivery) -> structlog.typing.FilteringBoundLogger:
    bound: structlog.typing.FilteringBoundLogger = log.bind(
        provider=delivery.provider,
        delivery=delivery.id,
        test_id=delivery.result.test_id,
        attempt=delivery.attempts,
    )
    return bound


@dataclass(frozen=True, slots=True)
class _OutboxJournal:
    """The providers' journal, written to the outbox, each entry a transaction of its own."""

    engine: Engine
    clock: Callable[[], datetime]

    def creating(self, delivery: Delivery, destination: str) -> None:
        with writing(self.engine) as connection:
            outbox.note_creating(connection, delivery, destination, self.clock())

    def not_created(self, delivery: Delivery) -> None:
        with suppress(LeaseLostError), writing(self.engine) as connection:
            outbox.note_not_created(connection, delivery)

    def created(self, delivery: Delivery, run_id: str) -> None:
        with writing(self.engine) as connection:
            outbox.note_created(connection, delivery, run_id)
