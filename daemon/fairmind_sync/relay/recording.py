"""Decides what an outcome means (the next attempt's time, or dead
after too many), writes it, and logs it as an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, TypeAlias

from fairmind_sync import tracing
from fairmind_sync.backoff import retry_delay
from fairmind_sync.errors import LeaseLostError
from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import attempt_lookup, outcomes, provider_state
from fairmind_sync.providers import logging_error
from fairmind_sync.providers.base import Dead, Delivered, Retry
from fairmind_sync.redaction import redact
from fairmind_sync.relay.evidence_pass import log_missing, without_secrets
from fairmind_sync.storage.engine import reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from structlog.typing import FilteringBoundLogger

    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.results.delivery import Delivery

Failure: TypeAlias = Retry | Dead
_LEASE_LOST = "lease_lost"

log = get_logger()


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes one provider's outcomes; where the lease was lost, logs so and drops the outcome.

    `secrets` are removed from the provider's words, which may repeat what the provider was sent.
    """

    engine: Engine
    provider: ProviderName
    max_attempts: int
    clock: Callable[[], datetime]
    chance: Random
    secrets: tuple[str, ...]

    def record_delivered(self, reports: Sequence[tuple[Delivery, Delivered]]) -> None:
        """Records all reports in one transaction: runs that end together cost one commit."""
        began = tracing.now()
        reports = [(one, self._without_secrets(outcome)) for one, outcome in reports]
        lost = set()
        with writing(self.engine) as connection:
            now = self.clock()
            for delivery, outcome in reports:
                try:
                    outcomes.record_delivered(
                        connection,
                        delivery,
                        outcome.run,
                        outcome.destination,
                        now,
                        outcome.evidence,
                    )
                except LeaseLostError:
                    lost.add(delivery.id)
            has_recovered = provider_state.note_success(connection, self.provider, now)
        if has_recovered:
            log.info("provider.recovered", provider=self.provider)
        traces = tracing.current()
        traces.recorded([one for one, _ in reports if one.id not in lost], began, "delivered")
        traces.recorded([one for one, _ in reports if one.id in lost], began, _LEASE_LOST)
        for delivery, outcome in reports:
            bound = _bound_log(delivery)
            if delivery.id in lost:
                bound.warning("delivery.lease_lost", outcome="Delivered")
            else:
                bound.info("delivery.delivered", run_id=outcome.run.id, url=outcome.run.url)
                if outcome.evidence is not None and not outcome.evidence.is_stored:
                    log_missing(bound, outcome.evidence)

    def _without_secrets(self, outcome: Delivered) -> Delivered:
        state = outcome.evidence
        if state is None:
            return outcome
        return replace(outcome, evidence=without_secrets(state, self.secrets))

    def record_failed(self, delivery: Delivery, given: Failure) -> None:
        """Records a failed attempt: the next one is scheduled, or the delivery is dead."""
        outcome = replace(given, reason=redact(given.reason, self.secrets))
        bound, words = _bound_log(delivery), logging_error(delivery.provider)
        began, told = tracing.now(), "retry"
        try:
            if isinstance(outcome, Retry) and self._goes_on(delivery, outcome):
                due_at = self._schedule_retry(delivery, outcome)
                bound.warning(
                    "delivery.retry_scheduled",
                    kind=outcome.kind.value,
                    reason=outcome.reason,
                    due_at=due_at.isoformat(),
                    fairmind=words,
                )
            else:
                told = "dead"
                self._bury(delivery, outcome)
                bound.error(
                    "delivery.dead", kind=outcome.kind.value, reason=outcome.reason, fairmind=words
                )
        except LeaseLostError:
            told = _LEASE_LOST
            bound.warning("delivery.lease_lost", outcome=type(outcome).__name__)
        tracing.current().recorded([delivery], began, told, outcome.kind.value)

    def _goes_on(self, delivery: Delivery, outcome: Retry) -> bool:
        if not outcome.is_counted:
            return True
        if delivery.attempts >= self.max_attempts:
            return False
        return outcome.at_most is None or self._failed_so(delivery, outcome) < outcome.at_most

    def _failed_so(self, delivery: Delivery, outcome: Retry) -> int:
        """Returns how many attempts failed in this kind, this one included, since an operator's retry."""
        with reading(self.engine) as connection:
            every = attempt_lookup.attempts(connection, delivery.id)
        counted = [one for one in every if one.outcome != "released"]
        since_then = counted[-delivery.attempts :]
        return 1 + sum(one.error_kind == outcome.kind for one in since_then)

    def _schedule_retry(self, delivery: Delivery, outcome: Retry) -> datetime:
        delay = retry_delay(delivery.attempts, self.chance, at_least=outcome.after)
        with writing(self.engine) as connection:
            now = self.clock()
            due_at = now + delay
            outcomes.record_retry(
                connection,
                delivery,
                outcome.kind,
                outcome.reason,
                due_at=due_at,
                now=now,
                is_counted=outcome.is_counted,
            )
        return due_at

    def _bury(self, delivery: Delivery, outcome: Failure) -> None:
        with writing(self.engine) as connection:
            outcomes.record_dead(connection, delivery, outcome.kind, outcome.reason, self.clock())


def _bound_log(delivery: Delivery) -> FilteringBoundLogger:
    bound: FilteringBoundLogger = log.bind(
        provider=delivery.provider,
        delivery=delivery.id,
        test_id=delivery.result.test_id,
        attempt=delivery.attempts,
    )
    return bound
