"""The relay's loop for one provider: probe and one delivery on trial if it was away; then claim, at a pace,
deliver, record, batch after batch; gives back what was not done.

Database transactions and provider calls alternate and never nest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, assert_never

from fairmind_sync import tracing
from fairmind_sync.errors import (
    FairmindSyncError,
    ProviderBrokenError,
    ProviderUnavailableError,
)
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import claims, deletion, outcomes, provider_state, repairs, workload
from fairmind_sync.outbox.claims import LEASE
from fairmind_sync.outbox.provider_state import PROBE_TIME
from fairmind_sync.providers import probe
from fairmind_sync.providers.base import Dead, Delivered, Provider, Report, Retry
from fairmind_sync.redaction import redact
from fairmind_sync.relay.batch import LeasedBatch
from fairmind_sync.relay.journal import OutboxJournal
from fairmind_sync.relay.recording import Recorder
from fairmind_sync.relay.unavailable import is_away, note_unavailable
from fairmind_sync.relay.worker_name import worker_name
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import BLOCKED
from fairmind_sync.storage.engine import current_time, reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.outbox.provider_state import ProviderState
    from fairmind_sync.results.delivery import Delivery

BATCH_TIME = timedelta(seconds=45)
"""A batch that comes no further for longer is hung: its worker is ended, before its leases are."""
_PACE_INTERVAL_S = 0.05

log = get_logger()


@dataclass(frozen=True, slots=True)
class Relay:
    """One provider's way from the outbox to its runs.

    `most_leased` is how many of the provider's deliveries may be under way at once, and `most_a_second` how
    many may begin in a second, whoever holds them. `pause` waits for so many seconds. `watch` is a
    watchdog's hook: it is called with the longest time that each batch or probe may take, and with None at
    its end.
    `clock` is by default that of all who share the database.
    """

    engine: Engine
    provider: Provider
    max_attempts: int
    most_leased: int | None = None
    most_a_second: int | None = None
    pause: Callable[[float], object] = time.sleep
    should_stop: Callable[[], bool] = lambda: False
    watch: Callable[[timedelta | None], None] = lambda _longest: None
    clock: Callable[[], datetime] | None = None
    chance: Random = field(default_factory=Random)
    worker: str = field(default_factory=worker_name)
    secrets: tuple[str, ...] = ()

    def drain(self, *, probe_now: bool = False, longest: timedelta | None = None) -> None:
        """Delivers until nothing is due, the provider is unavailable, or the relay should stop.

        After `longest` no further batch begins: results may come faster than they are delivered.

        Raises:
            ProviderBrokenError: this process has to end; one of its deliveries may have broken the provider.
        """
        try:
            self._drain(probe_now=probe_now, longest=longest)
        except ProviderBrokenError:
            self._end_leases()
            raise

    def _drain(self, *, probe_now: bool, longest: timedelta | None) -> None:
        began = self._now()
        if not self._becomes_ready(probe_now=probe_now):
            return
        while self.may_go_on() and (longest is None or self._now() - began < longest):
            if first := self._claim():
                self._deliver(self._batch(first))
            elif self._keeps_a_pace():
                self.pause(_PACE_INTERVAL_S)
            else:
                return

    def _end_leases(self) -> None:
        """Leaves what this worker has begun to the next worker, as if this one had died."""
        with writing(self.engine) as connection:
            repairs.end_leases(
                connection, self.provider.name, self.worker, chance=self.chance, now=self._now()
            )

    def _now(self) -> datetime:
        return current_time(self.engine) if self.clock is None else self.clock()

    def _keeps_a_pace(self) -> bool:
        """Returns whether something is due that only the pace holds back."""
        if self.most_a_second is None:
            return False
        with reading(self.engine) as connection:
            return workload.has_work(connection, self.provider.name, self._now(), self.most_leased)

    def _state(self) -> ProviderState:
        with reading(self.engine) as connection:
            return provider_state.read(connection, self.provider.name)

    def may_go_on(self) -> bool:
        """Returns whether more may be asked of the provider: it is ready, not paused, and nobody stops us."""
        if self.should_stop():
            return False
        state = self._state()
        return state.is_ready and not state.is_paused

    def _becomes_ready(self, *, probe_now: bool) -> bool:
        """Returns whether the provider takes runs; one that did not lately is tried when that is due."""
        state = self._state()
        if state.is_paused or state.is_ready:
            return not state.is_paused
        if not (probe_now or state.may_try(self._now())) or not self._takes_runs(state):
            return False
        with writing(self.engine) as connection:
            is_news = provider_state.note_ready(connection, self.provider.name, self._now())
        if is_news:  # a delivery on trial has told so already
            log.info("provider.recovered", provider=self.provider.name)
        return True

    def _takes_runs(self, state: ProviderState) -> bool:
        """Probes the provider; one that was blocked has to take a delivery, too: no probe proves all."""
        try:
            self._probe()
        except ProviderUnavailableError as error:
            self._note_unavailable(error)
            return False
        first = self._claim(most=1) if state.state == BLOCKED else []
        trial = LeasedBatch(first, list, self.should_stop, self._now)
        return not first or (self._deliver(trial) and trial.is_settled())

    def _probe(self) -> None:
        """Probes the provider. Nothing is claimed yet: where a probe hangs, the next one is due later."""
        self.watch(PROBE_TIME)
        try:
            probe(self.provider)
        finally:
            self.watch(None)

    def _claim(self, *, abandoned: bool = True, most: int | None = None) -> list[Delivery]:
        provider, began = self.provider, tracing.now()
        with writing(self.engine) as connection:
            now = self._now()
            deletion.finish(connection, now)
            buried = repairs.bury_exhausted(
                connection, provider.name, max_attempts=self.max_attempts, now=now
            )
            room = claims.room(
                connection,
                provider.name,
                now,
                most=self.most_leased,
                most_a_second=self.most_a_second,
            )
            claimed = claims.claim(
                connection,
                provider.name,
                limit=min(most or provider.batch_size, room),
                lease=LEASE,
                worker=self.worker,
                now=self._now(),
                abandoned=abandoned,
            )
        tracing.current().claimed(claimed, began)
        for delivery_id in buried:
            log.error("delivery.dead", delivery=delivery_id, kind=ErrorKind.WORKER_DIED.value)
        if claimed:
            log.debug("delivery.claimed", provider=provider.name, count=len(claimed))
        return claimed

    def _batch(self, first: list[Delivery]) -> LeasedBatch:
        """Lets others join what was claimed; a claim that was not full took all that was due."""
        is_full = len(first) >= self.provider.batch_size
        return LeasedBatch(
            first, self._claim_more if is_full else list, self.should_stop, self._now
        )

    def _claim_more(self) -> list[Delivery]:
        """Claims nothing that may end this process, and nothing once the provider is paused."""
        return [] if self._state().is_paused else self._claim(abandoned=False)

    def _deliver(self, batch: LeasedBatch) -> bool:
        """Delivers the batch and records each outcome; what has none at the end is given back.

        Returns whether the provider took what was delivered, or is not to blame for what it did not take.
        A delivery that is given back keeps its attempts. After an error that nobody foresaw nothing is given
        back: the attempt counts, so that a bug can't hold the rest up for ever. If the provider breaks, the
        attempts count of what was begun: an upload may have broken it.
        """
        self.watch(BATCH_TIME)
        try:
            self._deliver_and_record(batch)
        except ProviderUnavailableError as error:
            batch.stop(error)
        except ProviderBrokenError:
            batch.keep_begun()
            raise
        except FairmindSyncError:
            raise
        except Exception:
            batch.keep_all()
            raise
        finally:
            self.watch(None)
            tracing.current().left()
            self._give_back(batch)
        return batch.stopped_by is None

    def _deliver_and_record(self, batch: LeasedBatch) -> None:
        journal = OutboxJournal(
            self.engine, self._now, LEASE, lambda: self.watch(BATCH_TIME), batch.begun
        )
        with closing(self.provider.deliver(batch, journal, batch.may_start)) as all_reports:
            for reports in all_reports:
                self._record(batch, reports)

    def _record(self, batch: LeasedBatch, reports: list[Report]) -> None:
        recorder = self._recorder()
        delivered = [(one, how) for one, how in reports if isinstance(how, Delivered)]
        if delivered:
            recorder.record_delivered(delivered)
        for delivery, outcome in reports:
            match outcome:
                case Delivered():
                    batch.settle(delivery)
                case Retry() | Dead():
                    if isinstance(outcome, Dead) or not is_away(self.provider, batch):
                        recorder.record_failed(delivery, outcome)
                        batch.settle(delivery)
                case _:
                    assert_never(outcome)

    def _give_back(self, batch: LeasedBatch) -> None:
        """Notes first why the provider is unavailable, or another worker would claim what is given back."""
        error = batch.stopped_by
        try:
            if error is not None:
                self._note_unavailable(error)
        finally:
            if batch.taken or batch.waiting:
                reason = "not started" if error is None else redact(str(error), self.secrets)
                with writing(self.engine) as connection:
                    outcomes.release(connection, [*batch.taken.values()], self._now(), reason)
                    outcomes.unclaim(connection, batch.waiting)

    def _recorder(self) -> Recorder:
        return Recorder(
            self.engine,
            self.provider.name,
            self.max_attempts,
            self._now,
            self.chance,
            self.secrets,
        )

    def _note_unavailable(self, error: ProviderUnavailableError) -> None:
        note_unavailable(
            self.engine, self.provider.name, error, self.chance, self._now, self.secrets
        )
