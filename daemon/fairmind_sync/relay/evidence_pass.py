"""Tries missing evidence again: has a provider store what its delivered
runs lack, until a try fails or deliveries are due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fairmind_sync.event_log import get_logger
from fairmind_sync.outbox import owed_evidence, provider_state, workload
from fairmind_sync.redaction import redact
from fairmind_sync.storage.engine import reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fairmind_sync.providers.base import Provider
    from fairmind_sync.results.delivery import OwedEvidence
    from fairmind_sync.results.evidence_states import EvidenceState

LONGEST = timedelta(seconds=100)
"""One run's evidence that takes longer has its worker ended, before another try of the same may start."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class EvidencePass:
    """One provider's tries at missing evidence; the fields are those of `Relay`."""

    engine: Engine
    provider: Provider
    clock: Callable[[], datetime]
    should_stop: Callable[[], bool] = lambda: False
    watch: Callable[[timedelta | None], None] = lambda _longest: None
    secrets: tuple[str, ...] = ()

    def run(self) -> bool:
        """Tries what is due, until a try fails: what a store refuses once it will refuse again.

        Returns:
            Whether deliveries are due by now, which go first.

        Raises:
            ProviderUnavailableError: the provider takes nothing now.
        """
        while not self.should_stop() and (owed := self._take()) is not None:
            if not self._try(owed):
                return False
            if self._has_deliveries():
                return True
        return False

    def _has_deliveries(self) -> bool:
        with reading(self.engine) as connection:
            return workload.has_work(connection, self.provider.name, self.clock())

    def _take(self) -> OwedEvidence | None:
        with reading(self.engine) as connection:
            state = provider_state.read(connection, self.provider.name)
            is_due = owed_evidence.is_due(connection, self.provider.name, self.clock())
        if not is_due or state.is_paused or not state.is_ready:
            return None
        with writing(self.engine) as connection:
            return owed_evidence.take(connection, self.provider.name, self.clock())

    def _try(self, owed: OwedEvidence) -> bool:
        """Returns whether others are worth a try."""
        self.watch(LONGEST)
        try:
            given = self.provider.add_evidence(owed)
        finally:
            self.watch(None)
        state = without_secrets(given, self.secrets)
        self._record(owed, state)
        bound = log.bind(
            provider=self.provider.name, delivery=owed.delivery_id, test_id=owed.result.test_id
        )
        if state.is_stored:
            bound.info("evidence.stored", run_id=owed.run_id)
        else:
            log_missing(bound, state)
        return state.is_done

    def _record(self, owed: OwedEvidence, state: EvidenceState) -> None:
        with writing(self.engine) as connection:
            now = self.clock()
            rest = owed_evidence.wait_after(now - owed.delivered_at)
            due_at = None if state.is_done else now + rest
            owed_evidence.note(connection, owed.delivery_id, state, due_at)
            if state.is_stored:
                owed_evidence.note_working_store(connection, self.provider.name)
            elif not state.is_done:
                owed_evidence.note_refused_store(connection, self.provider.name, now)


def without_secrets(state: EvidenceState, secrets: tuple[str, ...]) -> EvidenceState:
    """Returns the state with the secrets removed from the provider's words."""
    return replace(state, reason=redact(state.reason, secrets))


def log_missing(bound: Any, state: EvidenceState) -> None:
    """Logs that a run is delivered without its evidence, and why."""
    bound.warning("evidence.missing", state=state.state, reason=state.reason)
