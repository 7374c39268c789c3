"""The W&B provider itself: uploads a batch's runs in threads, reads them back until confirmed, finds lost
ones, restarts wandb-core; probe, sweep, missing evidence.

We choose the run id, which is the delivery key, durable since the save. Because each upload resumes that id
with a fixed step, a repeated upload is harmless. 'Delivered' needs the service's own word that the run is
finished and holds our digest and the history row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import TypeAlias

from fairmind_sync.errors import FairmindSyncError, ProviderBlockedError
from fairmind_sync.event_log import get_logger
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers import probe
from fairmind_sync.providers.adjustments import log_adjustments
from fairmind_sync.providers.base import (
    Dead,
    Delivered,
    Journal,
    Ledger,
    Outcome,
    Report,
    Retry,
)
from fairmind_sync.providers.threads import OF_THE_SYSTEM, Threads, run_in_threads
from fairmind_sync.providers.wandb.content import WandbContent, content_of
from fairmind_sync.providers.wandb.held import Held
from fairmind_sync.providers.wandb.late_files import READ_BACK_DELAYS_S, add_late_files, state_of
from fairmind_sync.providers.wandb.opened_again import WandbSweep
from fairmind_sync.providers.wandb.sdk import (
    RunRefusedError,
    Sdk,
    UploadError,
    WandbRefusedError,
)
from fairmind_sync.providers.wandb.unshown_runs import LATEST, age, not_yet, when_unconfirmed
from fairmind_sync.results.content_digest import content_digest
from fairmind_sync.results.delivery import Delivery, OwedEvidence
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import EvidenceState
from fairmind_sync.settings import Settings

RUNS_PER_CORE = 192
CONFIRM_AT = 32
"""So many unconfirmed uploads are read back in one request, while other uploads are under way."""
_LONGEST_DELAY_FOR_FILES_S = 1.0
_REFUSALS = 2
"""So often W&B may refuse a result before the result is given up."""
_ATTEMPTS_WITH_FILES = 2
"""After so many attempts that failed a run is sent without its files: they may be why."""

log = get_logger()

_Upload: TypeAlias = tuple[Delivery, WandbContent]


class WandbProvider:
    """Uploads in sixteen threads, and reads many runs back at once."""

    name: ProviderName = "wandb"
    batch_size = 32
    threads = 16

    def __init__(
        self,
        sdk: Sdk,
        settings: Settings,
        by: Threads = OF_THE_SYSTEM,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._sdk = sdk
        self._by = by
        self._pause = pause
        self._settings = settings
        self._runs_of_core = 0

    def probe(self) -> None:
        self._sdk.probe()

    def deliver(
        self, deliveries: Iterable[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[list[Report]]:
        """Yields outcomes as `Provider.deliver`; uploads are confirmed even if W&B stopped taking more."""
        probe(self)  # cheap, where each init would wait for its time-out
        unconfirmed: dict[str, _Upload] = {}
        stopped_by: FairmindSyncError | None = None
        try:
            try:
                yield from self._upload_all(deliveries, journal, may_start, unconfirmed)
            except FairmindSyncError as error:
                stopped_by = error
            yield from self._confirm_the_rest(unconfirmed, journal)
            if stopped_by:
                raise stopped_by
        finally:
            self._recycle()

    def add_evidence(self, owed: OwedEvidence) -> EvidenceState:
        probe(self)
        try:
            return add_late_files(self._sdk, owed, self._settings.evidence, self._pause)
        finally:
            self._recycle(1)

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """Looks for runs that a late process opened again after their delivery, and for deleted ones."""
        try:
            WandbSweep(self._sdk, ledger, self._recycle, self._pause).run(suspects)
        finally:
            self._recycle()

    def _upload_all(
        self,
        deliveries: Iterable[Delivery],
        journal: Journal,
        may_start: Callable[[], bool],
        unconfirmed: dict[str, _Upload],
    ) -> Generator[list[Report]]:
        """Adds uploads to `unconfirmed`; yields the failed ones, and those that are confirmed meanwhile."""
        all_ended = run_in_threads(
            islice(deliveries, RUNS_PER_CORE - self._runs_of_core),
            lambda delivery: self._upload(delivery, journal),
            may_start,
            self.threads,
            self._by,
        )
        with closing(all_ended):
            for ended in all_ended:
                self._runs_of_core += len(ended)
                unconfirmed |= {
                    one.key: (one, how) for one, how in ended if isinstance(how, WandbContent)
                }
                over = [(one, how) for one, how in ended if not isinstance(how, WandbContent)]
                if over:
                    yield [*over]
                if len(unconfirmed) >= CONFIRM_AT:
                    yield self._confirmed(unconfirmed, self._sdk.read_back(unconfirmed))

    def _upload(self, delivery: Delivery, journal: Journal) -> WandbContent | Outcome:
        """Uploads one run; returns the content that W&B should hold afterwards, or why there is none."""
        content = content_of(
            delivery,
            self._settings.wandb_project,
            self._settings.chosen_names,
            self._settings.evidence,
            self._settings.public_url,
            marks_content=self._settings.find_lost_runs,
        )
        log_adjustments(delivery, content.adjusted)
        if content.is_too_large():
            return Dead(
                ErrorKind.TOO_LARGE,
                "W&B takes at most 10 MB of metrics, 10 MB of summary and 15 MB of parameters",
            )
        if delivery.create_attempted_at is not None:
            held = self._sdk.read_back([delivery.key]).get(delivery.key)
            if held is not None and held.is_complete(content):
                return content  # an earlier attempt finished the run, but could not record it
            if held is None and delivery.run_id is not None and age(delivery) < LATEST:
                return not_yet(delivery)
        elif self._settings.find_lost_runs and (lost := self._lost_run(delivery)):
            return Delivered(lost.run, lost.destination)
        return self._send(delivery, content, journal)

    def _lost_run(self, delivery: Delivery) -> Held | None:
        """Returns a finished run of the same content, made under a delivery key that nobody has any more."""
        digest = content_digest(delivery.result)
        found = self._sdk.find_finished(delivery.result.test_id, digest)
        if found is not None:
            log.info("run.found_again", provider=self.name, run_id=found.run.id)
        return found

    def _send(
        self, delivery: Delivery, content: WandbContent, journal: Journal
    ) -> WandbContent | Retry | Dead:
        journal.creating(delivery, self._settings.wandb_project)
        try:
            with_files = delivery.attempts <= _ATTEMPTS_WITH_FILES
            self._sdk.upload(delivery.key, content, with_files=with_files)
        except WandbRefusedError as error:
            return Dead(ErrorKind.REJECTED, str(error))
        except RunRefusedError as error:
            return Retry(ErrorKind.REFUSED, str(error), at_most=_REFUSALS)
        except UploadError as error:
            self._sdk.require_stream(delivery.key)
            return Retry(ErrorKind.UPLOAD_FAILED, str(error))
        return content

    def _confirmed(
        self, unconfirmed: dict[str, _Upload], all_held: Mapping[str, Held]
    ) -> list[Report]:
        """Moves what the service holds, with all files, out of `unconfirmed`, into reports of Delivered."""
        return [
            self._delivered(unconfirmed, held)
            for key, held in all_held.items()
            if held.is_complete(unconfirmed[key][1])
            and not unconfirmed[key][1].files.missing_in(held.files)
        ]

    def _delivered(self, unconfirmed: dict[str, _Upload], held: Held) -> Report:
        _require_ours(*unconfirmed[held.run.id], held)
        delivery, content = unconfirmed.pop(held.run.id)
        return delivery, Delivered(held.run, held.destination, _evidence_of(content, held))

    def _confirm_the_rest(
        self, unconfirmed: dict[str, _Upload], journal: Journal
    ) -> Generator[list[Report]]:
        """Yields Delivered for each run that the service holds, at the end Retry for others.

        A run whose files W&B doesn't show is delivered, too: its evidence waits.
        """
        held, whole = dict[str, Held](), list[Held]()
        for delay in READ_BACK_DELAYS_S:
            if not unconfirmed:
                return
            self._pause(delay)
            held = self._sdk.read_back(unconfirmed)
            yield self._confirmed(unconfirmed, held)
            whole = [held[key] for key in unconfirmed if _is_held(held.get(key), unconfirmed[key])]
            if len(whole) == len(unconfirmed) and delay >= _LONGEST_DELAY_FOR_FILES_S:
                break
        yield [self._delivered(unconfirmed, one) for one in whole]
        yield [
            (delivery, when_unconfirmed(delivery, held.get(key), journal))
            for key, (delivery, _) in unconfirmed.items()
        ]

    def _recycle(self, opened: int = 0) -> None:
        """Restarts wandb-core when due: wandb-core leaks descriptors, and can't upload a failed id again."""
        self._runs_of_core += opened
        if not self._sdk.is_clean or self._runs_of_core >= RUNS_PER_CORE:
            self._sdk.restart()
            self._runs_of_core = 0


def _is_held(held: Held | None, upload: _Upload) -> bool:
    """Returns whether W&B holds the run, maybe without its files."""
    return held is not None and held.is_complete(upload[1])


def _evidence_of(content: WandbContent, held: Held) -> EvidenceState | None:
    return state_of(content.files, held) if content.files.contents else None


def _require_ours(delivery: Delivery, content: WandbContent, held: Held) -> None:
    """Looks whether a new run is as we sent it; one that is sent again may have been edited by a user since.

    Raises:
        ProviderBlockedError: something shapes our runs.
    """
    if delivery.create_attempted_at is not None:
        return
    if shapes := held.shaped_by(content):
        raise ProviderBlockedError(
            f"something shapes our runs: W&B shows one with {shapes}, which we didn't send. Look for it "
            "in W&B's variables and settings files, and remove it."
        )
    if differs := held.differs_by(content):
        log.warning("run.differs", provider="wandb", run_id=held.run.id, differs=differs)
