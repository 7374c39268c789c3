"""The sweep of MLflow: second runs, unfinished runs of what is given up, runs that were failed late or that
somebody deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.event_log import get_logger
from fairmind_sync.providers.base import Ledger
from fairmind_sync.providers.mlflow.content import DELIVERY_KEY_TAG
from fairmind_sync.providers.mlflow.runs_api import MlflowRefusedError, RunsApi, UncertainError
from fairmind_sync.providers.mlflow.sending import is_of_run
from fairmind_sync.providers.putting_right import PuttingRight
from fairmind_sync.results.states import DEAD, DELIVERED, DISCARDED

_ENDED = "its run was ended as FAILED at MLflow"

log = get_logger()


@dataclass(frozen=True, slots=True)
class MlflowSweep:
    """One sweep of an experiment; `probe` raises where MLflow takes no runs."""

    api: RunsApi
    experiment_id: str
    ledger: Ledger
    probe: Callable[[], None]

    def run(self, suspects: Sequence[str]) -> None:
        """Compares all runs; one that MLflow doesn't let us put right is told, and holds no other one back.

        Raises:
            UncertainError: no answer came to a search.
            ProviderUnavailableError: MLflow takes no runs now.
        """
        for run_id, key in self.api.unfinished_runs(self.experiment_id, DELIVERY_KEY_TAG):
            self._alone(run_id, partial(self._put_right, run_id, key))
        for run_id, key in self.api.failed_runs(self.experiment_id, DELIVERY_KEY_TAG):
            if key in suspects:
                self._alone(run_id, partial(self._deliver_again, run_id, key))
        for run_id, key in self.api.deleted_runs(self.experiment_id, DELIVERY_KEY_TAG):
            standing = self.ledger.standing(key)
            if standing is not None and standing.run_id == run_id:
                self.ledger.note_deleted(key)

    def _alone(self, run_id: str, repair: Callable[[], None]) -> None:
        putting_right = PuttingRight(
            "mlflow", self.probe, (MlflowRefusedError, ProviderBlockedError), (UncertainError,)
        )
        putting_right.of_run(run_id, partial(_unless_gone, repair))

    def _put_right(self, run_id: str, key: str) -> None:
        standing = self.ledger.standing(key)
        if standing is None:
            return
        if standing.run_id not in (None, run_id):
            self._remove(run_id)
        elif standing.status in (DEAD, DISCARDED) and self.ledger.note_abandoned(key, run_id):
            self.api.fail_run(run_id)
            log.warning("run.abandoned", provider="mlflow", run_id=run_id, status=standing.status)
            self._deliver_again(run_id, key)  # where a retry was faster

    def _remove(self, run_id: str) -> None:
        """Deletes a second run; one that we may edit, and not delete, ends as FAILED."""
        try:
            self.api.delete_run(run_id)
        except ProviderBlockedError as error:
            self.probe()
            self.api.fail_run(run_id)
            log.warning("run.duplicate_kept", provider="mlflow", run_id=run_id, reason=str(error))
        else:
            log.warning("run.duplicate_removed", provider="mlflow", run_id=run_id)

    def _deliver_again(self, run_id: str, key: str) -> None:
        """Has a delivered run that was failed late delivered again, or ended where nothing can be sent."""
        standing = self.ledger.standing(key)
        if standing is None or (standing.status, standing.run_id) != (DELIVERED, run_id):
            return
        if not self.ledger.deliver_again(key, _ENDED):
            self.api.finish_run(run_id, standing.saved_at)


def _unless_gone(repair: Callable[[], None]) -> None:
    """Leaves a run alone that was deleted meanwhile: by somebody, or by a request whose reply was lost."""
    try:
        repair()
    except MlflowRefusedError as error:
        if not is_of_run(error):
            raise
