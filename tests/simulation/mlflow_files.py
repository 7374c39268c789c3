"""Runs' files at the model of an MLflow server, by its artifact proxy.

tests/simulation/test_mlflow_model_files.py asks the model and a real server the same questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from fairmind_sync.providers.mlflow.runs_api import (
    NotSentError,
    RunPlace,
    ServerFailedError,
    StoreRefusedError,
    UncertainError,
)
from tests.simulation.file_stores import StoreFailedError, StoreOffError
from tests.simulation.network import NoReplyError, RefusedError, StatusError, Wire

if TYPE_CHECKING:
    from tests.simulation.mlflow_service import MlflowService

_Result = TypeVar("_Result")
_AWAY, _FAILED = (429, 503), 500


class MlflowModelArtifacts:
    """An `ArtifactsApi` whose requests go over a simulated wire."""

    def __init__(self, wire: Wire, service: MlflowService, address: str) -> None:
        self._wire = wire
        self._service = service
        self._address = address

    def store(self, run: RunPlace, path: str, content: bytes) -> None:
        self._ask("store_file", lambda: self._service.store_file(run.id, path, content), run)

    def read(self, run: RunPlace, path: str) -> bytes | None:
        """A server that fails at a file says what servers of MLflow 2 say of a missing one."""
        try:
            return self._ask("read_file", lambda: self._service.file(run.id, path), run)
        except ServerFailedError:
            return None

    def _ask(self, what: str, effect: Callable[[], _Result], run: RunPlace) -> _Result:
        known = self._service.runs.get(run.id)
        with _as_the_product_says(self._address):
            return self._wire.ask(what, effect, known.key if known else "")


@contextmanager
def _as_the_product_says(address: str) -> Iterator[None]:
    """Raises what `providers.mlflow.http_artifacts` makes of such a reply."""
    try:
        yield
    except RefusedError as error:
        raise NotSentError(str(error), address=address) from error
    except NoReplyError as error:
        raise UncertainError(str(error)) from error
    except StoreOffError as error:
        raise StoreRefusedError("artifact serving is disabled") from error
    except (StatusError, StoreFailedError) as error:
        words = f"the MLflow server, asked for the run's files, answers {error.status}"
        if error.status in _AWAY:
            raise UncertainError(words) from error
        if error.status == _FAILED:
            raise ServerFailedError(words) from error
        raise StoreRefusedError(words) from error
