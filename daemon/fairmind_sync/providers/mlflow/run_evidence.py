"""Stores a run's evidence at MLflow (files, dataset, model tags),
reads the files back, and tags the run with the state.

Nothing that goes wrong here holds the run's numbers back: it becomes the evidence's state.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from fairmind_sync.errors import ProviderBlockedError, ProviderUnavailableError
from fairmind_sync.evidence.file_names import TABLE
from fairmind_sync.evidence.files import Evidence, evidence_of
from fairmind_sync.providers.mlflow.model_tags import tag_model_version
from fairmind_sync.providers.mlflow.runs_api import (
    DatasetInput,
    MlflowRefusedError,
    RunPlace,
    RunsApi,
    ServerFailedError,
    StoreRefusedError,
    TagText,
    UncertainError,
)
from fairmind_sync.results.dataset import dataset_of
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.evidence_states import (
    ALL_STORED,
    REFUSED,
    WAITING,
    EvidenceKind,
    EvidenceState,
)
from fairmind_sync.text import shorten, storable

FOLDER = "evidence"
STATE_TAG, DIGEST_TAG, TABLES_TAG = (
    "fairmind.evidence",
    "fairmind.evidence_digest",
    "mlflow.loggedArtifacts",
)
_LONGEST_NAME, _LONGEST_DIGEST, _LONGEST_TAG = 500, 36, 250
_TRIES = 2
Step: TypeAlias = Callable[[], None]
_SLOW_S = 5.0


class _NotThereError(UncertainError):
    """The server took a file, and doesn't have it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a run's evidence, None where none is wanted; and the run's tags that tell of it."""

    state: EvidenceState | None
    tags: list[TagText]


class EvidenceSender:
    """Stores evidence of the chosen kind by a `RunsApi`; with `tags_models`, tags models' versions, too."""

    def __init__(
        self,
        api: RunsApi,
        kind: EvidenceKind,
        *,
        tags_models: bool = False,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._steady = steady
        self._kind = kind
        self._tags_models = tags_models

    def send(
        self,
        run: RunPlace,
        result: SavedResult,
        url: str | None,
        progressed: Callable[[], None] = lambda: None,
    ) -> Sent:
        """Stores the result's evidence beside the run's numbers; `url` is that of the run's page.

        Calls `progressed` now and then, where requests take long.
        """
        if self._kind == "none":
            return Sent(None, [])
        evidence = evidence_of(result, self._kind)
        files = [self._file(run, file.name, file.content) for file in evidence.files]
        states = [
            _all_done(steps, _Pace(progressed, self._steady))
            for steps in (files, self._dataset(run, result), self._model(result, url))
        ]  # a store that takes no files may take the dataset
        state = next((one for one in states if not one.is_stored), ALL_STORED)
        return Sent(state, tags_of(evidence if states[0].is_stored else Evidence(), state))

    def _file(self, run: RunPlace, name: str, content: bytes) -> Step:
        def step() -> None:
            path = f"{FOLDER}/{name}"
            self._api.artifacts.store(run, path, content)
            if self._api.artifacts.read(run, path) != content:
                raise _NotThereError(
                    f"the MLflow server took {path}, and then has it not, or otherwise"
                )

        return step

    def _dataset(self, run: RunPlace, result: SavedResult) -> list[Step]:
        found = dataset_of(result)
        if found is None:
            return []
        described = DatasetInput(
            name=shorten(storable(found.name), _LONGEST_NAME),
            digest=storable(found.digest_within(_LONGEST_DIGEST)),
            source_type="external",
            source=json.dumps({"source": storable(found.source or found.name)}),
        )
        return [lambda: self._api.log_dataset(run.id, described)]

    def _model(self, result: SavedResult, url: str | None) -> list[Step]:
        if not self._tags_models:
            return []
        return [lambda: tag_model_version(self._api, result, url)]


def tags_of(stored: Evidence, state: EvidenceState) -> list[TagText]:
    """Returns the tags that tell the state and what is stored; by one MLflow's page shows the table."""
    words = state.state if state.is_stored else storable(f"{state.state}: {state.reason}")
    tags = [TagText(STATE_TAG, shorten(words, _LONGEST_TAG))]
    if stored.files:
        tags.append(TagText(DIGEST_TAG, stored.digest))
    if any(file.name == TABLE for file in stored.files):
        shown = [{"path": f"{FOLDER}/{TABLE}", "type": "table"}]
        tags.append(TagText(TABLES_TAG, json.dumps(shown)))
    return tags


class _Pace:
    """Tells that a delivery came further, where the last word of it was long ago: each word is a commit."""

    def __init__(self, progressed: Callable[[], None], steady: Callable[[], float]) -> None:
        self._progressed = progressed
        self._steady = steady
        self._told_at = steady()

    def step(self) -> None:
        if self._steady() - self._told_at >= _SLOW_S:
            self._progressed()
            self._told_at = self._steady()


def _all_done(steps: Iterable[Step], pace: _Pace) -> EvidenceState:
    """Returns the state after the first step that failed, else 'stored'."""
    for step in steps:
        state = _tried(step)
        if not state.is_stored:
            return state
        pace.step()
    return ALL_STORED


def _tried(step: Step) -> EvidenceState:
    """Returns what came of the step, tried twice where the first error may be a disturbance."""
    states = list[EvidenceState]()
    for _ in range(_TRIES):
        try:
            step()
        except StoreRefusedError as error:
            return EvidenceState(REFUSED, str(error))
        except (ServerFailedError, MlflowRefusedError, ProviderBlockedError) as error:
            states.insert(0, EvidenceState(REFUSED, str(error)))
        except (ProviderUnavailableError, UncertainError) as error:
            states.append(EvidenceState(WAITING, str(error)))
        else:
            return ALL_STORED
    return states[0]
