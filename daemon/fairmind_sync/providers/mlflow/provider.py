"""The MLflow provider itself, one delivery from start to end: finds a lost run or creates one, has it filled
and finished; probe, sweep, and who is to blame.

MLflow chooses the run id. So 'create attempted' is durable before the create, and the create carries the
delivery key as a tag. In doubt (a create was attempted, but no id is known) the key is searched for before
another run is created.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.event_log import get_logger
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers import blocked_by_what_nobody_foresaw
from fairmind_sync.providers.base import (
    Dead,
    Delivered,
    Journal,
    Ledger,
    Outcome,
    Report,
    Retry,
)
from fairmind_sync.providers.mlflow.content import CONTENT_TAG, DELIVERY_KEY_TAG, MlflowContent
from fairmind_sync.providers.mlflow.run_evidence import EvidenceSender
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    NotSentError,
    RunPlace,
    RunsApi,
    StoredRun,
    UncertainError,
)
from fairmind_sync.providers.mlflow.second_runs import MlflowSweep
from fairmind_sync.providers.mlflow.sending import RunSender, is_of_run
from fairmind_sync.providers.threads import OF_THE_SYSTEM, Threads, run_in_threads
from fairmind_sync.redaction import without_user
from fairmind_sync.results.delivery import Delivery, OwedEvidence, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.evidence_states import ALL_STORED, REFUSED, WAITING, EvidenceState
from fairmind_sync.settings import Settings
from fairmind_sync.text import shorten

GRACE = timedelta(seconds=30)
"""After so long, a create whose reply was lost is no longer under way at the server."""
_GONE = EvidenceState(REFUSED, "the run was deleted at MLflow", is_final=True)
_EXPERIMENT = " experiment "
"""What a destination has between a server's address and an experiment's id."""
_REFUSALS = 2
"""So often a gateway may refuse a result before the result is given up."""

log = get_logger()


class MlflowProvider:
    """Delivers through four connections, with evidence through eight.

    More would only add latency on a server backed by SQLite; requests for files don't wait for that.
    """

    name: ProviderName = "mlflow"
    batch_size = 32
    threads = 4

    def __init__(
        self,
        api: RunsApi,
        settings: Settings,
        by: Threads = OF_THE_SYSTEM,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._by = by
        self._settings = settings
        self._sender = RunSender(
            api,
            settings.wandb_project,
            settings.chosen_names,
            settings.public_url,
            marks_content=settings.find_lost_runs,
        )
        self._evidence = EvidenceSender(
            api, settings.evidence, tags_models=settings.mlflow_model_tags, steady=steady
        )
        self._experiment_id: str | None = None
        if settings.wants_evidence:
            self.threads *= 2

    def probe(self) -> None:
        """Proves the whole destination: server, credentials, experiment, and our right to add runs."""
        self._experiment_id = None
        experiment_id = self._experiment()
        with _blaming_no_delivery(
            "MLflow takes no tag for the experiment", "Check that our credentials may edit it."
        ):
            self._api.tag_experiment(experiment_id)

    def deliver(
        self, deliveries: Iterable[Delivery], journal: Journal, may_start: Callable[[], bool]
    ) -> Generator[list[Report]]:
        with blocked_by_what_nobody_foresaw("the MLflow experiment can't be had"):
            self._experiment()
        yield from run_in_threads(
            deliveries,
            lambda delivery: self._deliver_one(delivery, journal),
            may_start,
            self.threads,
            self._by,
        )

    def add_evidence(self, owed: OwedEvidence) -> EvidenceState:
        if not self._leads_to(owed.destination or ""):
            return EvidenceState(
                REFUSED,
                f"the run is at {owed.destination}, where MLFLOW_TRACKING_URI doesn't lead",
                is_final=True,
            )
        try:
            stored = self._api.stored_run(owed.run_id)
            if stored.is_deleted:
                return _GONE
            place = RunPlace(owed.run_id, stored.artifact_uri)
            sent = self._evidence.send(place, owed.result, owed.run_url)
            self._api.log_batch(owed.run_id, sent.tags)
        except MlflowRefusedError as error:
            return _GONE if is_of_run(error) else EvidenceState(REFUSED, str(error))
        except UncertainError as error:
            return EvidenceState(WAITING, str(error))
        except ProviderBlockedError as error:
            self.probe()  # raises where MLflow refuses us altogether
            return EvidenceState(REFUSED, str(error))
        return sent.state or ALL_STORED

    def sweep(self, suspects: Sequence[str], ledger: Ledger) -> None:
        """Deletes unfinished second runs of a delivery; ends those of given-up deliveries as FAILED.

        Has a suspect delivered again whose run was ended by a request that came late. Also notes which runs
        of deliveries were deleted.
        """
        try:
            MlflowSweep(self._api, self._experiment(), ledger, self.probe).run(suspects)
        except UncertainError as error:
            raise ProviderOfflineError(str(error)) from error

    def _experiment(self) -> str:
        known = self._experiment_id  # another thread may probe at this moment
        if known is None:
            name = self._settings.mlflow_experiment_name
            with _blaming_no_delivery(
                f"MLflow refuses the experiment {shorten(name, 100)!r}",
                "Check MLFLOW_EXPERIMENT_NAME.",
            ):
                self._experiment_id = known = self._api.experiment_id(name)
        return known

    def _deliver_one(self, delivery: Delivery, journal: Journal) -> Outcome:
        try:
            return self._log_run(delivery, journal)
        except UncertainError as error:
            return Retry(ErrorKind.UNCERTAIN, str(error), after=GRACE)
        except MlflowRefusedError as error:
            return self._judge(error)

    def _log_run(self, delivery: Delivery, journal: Journal) -> Outcome:
        experiment_id = self._experiment()
        run_id = delivery.run_id
        if run_id is None and delivery.create_attempted_at is not None:
            wait = delivery.create_attempted_at + GRACE - delivery.claimed_at
            if wait > timedelta():
                return Retry(
                    ErrorKind.UNCERTAIN,
                    "an earlier create may still be under way",
                    after=wait,
                    is_counted=False,  # nothing was tried
                )
            run_id = self._earlier_run(delivery, experiment_id, journal)
        content = self._sender.content(delivery)  # first: if it kills us, nothing is in doubt
        run_id = run_id or self._lost_run(experiment_id, content)
        if run_id is not None:
            return self._go_on(delivery, content, run_id, journal)
        place, stored = self._create(delivery, content, experiment_id, journal)
        return self._complete(delivery, content, place, stored, journal)

    def _go_on(
        self, delivery: Delivery, content: MlflowContent, run_id: str, journal: Journal
    ) -> Outcome:
        """Completes a run that is there; that one, in another experiment maybe, may be off limits alone."""
        try:
            stored = self._api.stored_run(run_id)
            place = RunPlace(run_id, stored.artifact_uri)
            return self._complete(delivery, content, place, stored, journal)
        except ProviderBlockedError as error:
            self.probe()  # raises where MLflow refuses us altogether
            return Retry(ErrorKind.REFUSED, str(error), at_most=_REFUSALS)

    def _earlier_run(self, delivery: Delivery, experiment_id: str, journal: Journal) -> str | None:
        """Returns the run that an earlier attempt made, and records it before the run is filled.

        A worker that stood still may make another run at any time, which the next search could find first.
        """
        run_id = self._api.find_run(experiment_id, DELIVERY_KEY_TAG, delivery.key)
        if run_id is not None:
            journal.created(delivery, run_id)
        return run_id

    def _lost_run(self, experiment_id: str, content: MlflowContent) -> str | None:
        """Returns a finished run of the same content, made under a delivery key that nobody has any more."""
        if not self._settings.find_lost_runs:
            return None
        digest = content.tags[CONTENT_TAG]
        found = self._api.find_run(experiment_id, CONTENT_TAG, digest, is_whole=True)
        if found is not None:
            log.info("run.found_again", provider=self.name, run_id=found)
        return found

    def _complete(
        self,
        delivery: Delivery,
        content: MlflowContent,
        place: RunPlace,
        stored: StoredRun,
        journal: Journal,
    ) -> Outcome:
        if stored.is_deleted:
            return Dead(ErrorKind.RUN_DELETED, "the run was deleted at MLflow")
        progressed = partial(journal.progressed, delivery)
        experiment_id = self._experiment()
        run = Run(place.id, self._api.run_url(experiment_id, place.id))
        evidence = self._evidence.send(place, delivery.result, run.url, progressed)
        try:
            self._sender.fill(delivery, place.id, stored, progressed, evidence.tags, content)
        except ProviderBlockedError as error:  # the run could be made: it is this result's content
            return Retry(ErrorKind.REFUSED, str(error), at_most=_REFUSALS)
        if not stored.is_finished:
            self._api.finish_run(place.id, delivery.result.created_at)
        return Delivered(run, self._destination(experiment_id), evidence.state)

    def _create(
        self, delivery: Delivery, content: MlflowContent, experiment_id: str, journal: Journal
    ) -> tuple[RunPlace, StoredRun]:
        journal.creating(delivery, self._destination(experiment_id))
        try:
            place, stored = self._sender.create(delivery, content, experiment_id)
        except (NotSentError, MlflowRefusedError, ProviderBlockedError):
            journal.not_created(delivery)
            raise
        journal.created(delivery, place.id)
        return place, stored

    def _destination(self, experiment_id: str) -> str:
        return f"{self._address}{_EXPERIMENT}{experiment_id}"

    def _leads_to(self, destination: str) -> bool:
        """Returns whether the settings lead to where a run was delivered, whatever its experiment."""
        address, _, _ = destination.rpartition(_EXPERIMENT)
        return address.rstrip("/") == self._address.rstrip("/")

    @property
    def _address(self) -> str:
        return without_user(self._settings.mlflow_tracking_uri)

    def _judge(self, error: MlflowRefusedError) -> Outcome:
        """Returns Dead for a run that is gone, or for content that MLflow will never take."""
        if is_of_run(error):
            self.probe()  # raises if the experiment itself is gone
            return Dead(ErrorKind.RUN_DELETED, f"the run was deleted at MLflow: {error}")
        return Dead(ErrorKind.REJECTED, f"MLflow refuses this result ({error.code}): {error}")


@contextmanager
def _blaming_no_delivery(refused: str, remedy: str) -> Iterator[None]:
    """Has an answer that never came say that MLflow is offline, and a refusal that MLflow is blocked."""
    try:
        yield
    except UncertainError as error:
        raise ProviderOfflineError(str(error)) from error
    except MlflowRefusedError as error:
        raise ProviderBlockedError(f"{refused} ({error.code}): {error}. {remedy}") from error
