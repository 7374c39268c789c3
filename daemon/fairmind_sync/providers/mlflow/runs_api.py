"""The calls that a delivery makes to MLflow, and the errors that a call raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, Protocol

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError


class NotSentError(ProviderOfflineError):
    """The request never reached the server, so can't have changed anything there."""


class UncertainError(Exception):
    """The server may or may not have done what was asked: no reply came, or a reply that makes no sense."""


class MlflowRefusedError(Exception):
    """The server refused this request because of its content."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A metric's value; `timestamp_ms` is the result's time, in milliseconds since 1970."""

    key: str
    value: float
    timestamp_ms: int


class RunsApi(Protocol):
    """What a delivery asks of MLflow; no call is repeated here.

    Raises:
        ProviderUnavailableError: no request would get through; NotSentError, if this one was never sent.
        UncertainError: the server may or may not have done what was asked.
        MlflowRefusedError: the server refused this request.
    """

    def experiment_id(self, name: str) -> str:
        """Returns the experiment's id; makes the experiment if there is none of that name."""

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:
        """Returns the id of the earliest run with this tag, deleted runs included; None if there is none."""

    def create_run(
        self, experiment_id: str, name: str, start: datetime, tags: Mapping[str, str]
    ) -> str:
        """Makes a run; returns its id."""

    def log_batch(
        self, run_id: str, points: Sequence[MetricPoint], params: Mapping[str, str]
    ) -> None:
        """Logs points and parameters, within MLflow's limits for one batch; harmless to repeat."""

    def finish_run(self, run_id: str, end: datetime) -> None:
        """Ends the run as FINISHED, and makes sure that the server says so."""

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        """Returns id and tag value of each run that has the tag and is not ended; at most 1,000 runs."""

    def fail_run(self, run_id: str) -> None:
        """Ends the run as FAILED."""

    def delete_run(self, run_id: str) -> None:
        """Marks the run as deleted, from which state MLflow can restore runs."""

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        """Returns the URL of the run's page; None where runs have no pages."""


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def running_with(tag: str) -> str:
    """Returns MLflow's filter for unfinished runs that have the tag."""
    return f"attributes.status = 'RUNNING' AND tags.`{tag}` LIKE '%'"


def refuse_deleted_experiment(name: str, experiment_id: str) -> NoReturn:
    raise ProviderBlockedError(
        f"the MLflow experiment {name!r} is deleted. Restore it: "
        f"mlflow experiments restore --experiment-id {experiment_id}; "
        "or set MLFLOW_EXPERIMENT_NAME to another."
    )
