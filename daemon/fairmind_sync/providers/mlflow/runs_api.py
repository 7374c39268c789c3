"""MLflow as a delivery needs it: nine calls, and the three ways in which one can fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, Protocol

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError


class NotSentError(ProviderOfflineError):
    """The request never reached the server, so it can't have done anything."""


class UncertainError(Exception):
    """The server may or may not have done what was asked: no reply, or one that makes no sense."""


class MlflowRefusedError(Exception):
    """The server refused this request for what is in it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A metric's value at the result's time."""

    key: str
    value: float
    timestamp_ms: int


class RunsApi(Protocol):
    """What a delivery asks of MLflow. Each call is one attempt and raises one of the errors above."""

    def experiment_id(self, name: str) -> str:
        """The active experiment's id; made if it isn't there."""

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:
        """The earliest run with this tag, deleted ones included."""

    def create_run(
        self, experiment_id: str, name: str, start: datetime, tags: Mapping[str, str]
    ) -> str:
        """The new run's id."""

    def log_batch(
        self, run_id: str, points: Sequence[MetricPoint], params: Mapping[str, str]
    ) -> None:
        """Within MLflow's limits for one batch; harmless to repeat."""

    def finish_run(self, run_id: str, end: datetime) -> None:
        """Ends the run as FINISHED, and makes sure that the server says so."""

    def unfinished_runs(self, experiment_id: str, tag: str) -> list[tuple[str, str]]:
        """The id and the tag's value of each running run that has the tag; at most 1,000."""

    def fail_run(self, run_id: str) -> None:
        """Ends the run as FAILED."""

    def delete_run(self, run_id: str) -> None:
        """Moves the run to where MLflow can restore it from."""

    def run_url(self, experiment_id: str, run_id: str) -> str | None:
        """The run's page; None where there is none."""


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def running_with(tag: str) -> str:
    """MLflow's filter for unfinished runs that have the tag."""
    return f"attributes.status = 'RUNNING' AND tags.`{tag}` LIKE '%'"


def refuse_deleted_experiment(name: str, experiment_id: str) -> NoReturn:
    raise ProviderBlockedError(
        f"the MLflow experiment {name!r} is deleted. Restore it: "
        f"mlflow experiments restore --experiment-id {experiment_id}; "
        "or set MLFLOW_EXPERIMENT_NAME to another."
    )
