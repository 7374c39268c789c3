"""How a run's evidence goes to MLflow, and what each trouble makes of it: no server is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.evidence.file_names import TABLE
from fairmind_sync.evidence.files import evidence_of
from fairmind_sync.providers.mlflow.run_evidence import EvidenceSender, Sent
from fairmind_sync.providers.mlflow.runs_api import (
    DatasetInput,
    MlflowRefusedError,
    RunPlace,
    ServerFailedError,
    StoreRefusedError,
    TagText,
    UncertainError,
)
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState
from fairmind_sync.results.model_version import ModelVersion
from tests.support.values import saved_result

PLACE = RunPlace("r", "s3://b")
RESULT = saved_result(metadata={"model_version": 3})
"""Also a dataset: it has an id."""


@dataclass
class Api:
    """In the place of MLflow's calls; `troubles` are raised by the next calls that store a file."""

    troubles: list[Exception | None] = field(default_factory=list)
    forgets: bool = False
    refuses_datasets: Exception | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    datasets: list[tuple[str, DatasetInput]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    tries: int = 0

    @property
    def artifacts(self) -> Api:
        return self

    def store(self, run: RunPlace, path: str, content: bytes) -> None:
        self.tries += 1
        assert run == PLACE
        if self.troubles and (trouble := self.troubles.pop(0)):
            raise trouble
        self.files[path] = content

    def read(self, run: RunPlace, path: str) -> bytes | None:
        assert run == PLACE
        return None if self.forgets else self.files[path]

    def log_dataset(self, run_id: str, dataset: DatasetInput) -> None:
        if self.refuses_datasets:
            raise self.refuses_datasets
        self.datasets.append((run_id, dataset))

    def model_version_tags(self, _version: ModelVersion) -> dict[str, str]:
        return {}

    def tag_model_version(self, _version: ModelVersion, key: str, value: str) -> None:
        self.tags[key] = value


def send(api: Any, kind: Any = "full", result: Any = RESULT, **options: Any) -> Sent:
    return EvidenceSender(api, kind, **options).send(PLACE, result, "http://run")


def test_where_no_evidence_is_wanted_nothing_is_sent() -> None:
    assert (send(api := Api(), "none"), api) == (Sent(None, []), Api())


@pytest.mark.parametrize("kind", ["full", "result"])
def test_each_file_of_the_chosen_kind_is_stored_and_told_by_tags(kind: Any) -> None:
    evidence = evidence_of(RESULT, kind)
    sent = send(api := Api(), kind)
    assert sent.state == ALL_STORED
    assert api.files == {f"evidence/{one.name}": one.content for one in evidence.files}
    assert sent.tags[:2] == [
        TagText("fairmind.evidence", "stored"),
        TagText("fairmind.evidence_digest", evidence.digest),
    ]


def test_the_table_is_shown_on_the_runs_page() -> None:
    result = saved_result(results={"accuracy": {"by_group": {"a": 0.5, "b": 0.25}}})
    sent = send(api := Api(), result=result)
    shown = {one.key: one.value for one in sent.tags}.get("mlflow.loggedArtifacts")
    assert f"evidence/{TABLE}" in api.files
    assert shown == json.dumps([{"path": f"evidence/{TABLE}", "type": "table"}])


def test_a_dataset_is_noted_with_its_source() -> None:
    dataset = {"name": "n" * 600, "digest": "d" * 50, "source": "s3://x"}
    send(api := Api(), result=saved_result(metadata={"dataset": dataset}, dataset_id="i"))
    for run_id, noted in api.datasets:
        assert (run_id, noted.source_type, len(noted.digest) <= 36) == ("r", "external", True)
        assert len(noted.name) <= 500
        assert [*json.loads(noted.source)] == ["source"]


@pytest.mark.parametrize(("tags_models", "count"), [(False, 0), (True, 3)])
def test_a_models_version_is_tagged_where_that_is_wanted(tags_models: bool, count: int) -> None:
    send(api := Api(), tags_models=tags_models)
    assert (len(api.tags) >= count, bool(api.tags)) == (True, tags_models)
    assert api.tags.get("bias.run_url", "http://run") == "http://run"


def refused(words: str) -> EvidenceState:
    return EvidenceState("refused", words)


def waiting(words: str) -> EvidenceState:
    return EvidenceState("waiting", words)


REFUSED, FAILED = MlflowRefusedError("X", "no"), ServerFailedError("it failed")
AWAY, DOUBT = ProviderOfflineError("away"), UncertainError("no reply")
BLOCKED, STORE = ProviderBlockedError("a gateway"), StoreRefusedError("no store")


@pytest.mark.parametrize(
    ("troubles", "state", "tries"),
    [
        ([STORE], refused("no store"), 1),
        ([FAILED, FAILED], refused("it failed"), 2),
        ([REFUSED, DOUBT], refused("no"), 2),
        ([DOUBT, BLOCKED], refused("a gateway"), 2),
        ([AWAY, DOUBT], waiting("away"), 2),
        ([DOUBT, AWAY], waiting("no reply"), 2),
    ],
)
def test_a_file_is_tried_twice_and_a_refusal_says_why(
    troubles: list[Exception | None], state: EvidenceState, tries: int
) -> None:
    sent = send(api := Api(troubles))
    assert (sent.state, api.tries) == (state, tries)
    assert sent.tags == [TagText("fairmind.evidence", f"{state.state}: {state.reason}")]


@pytest.mark.parametrize("trouble", [FAILED, REFUSED, BLOCKED, AWAY, DOUBT])
def test_a_disturbance_passes(trouble: Exception) -> None:
    assert send(Api([trouble])).state == ALL_STORED


def test_what_a_server_took_and_has_not_is_waited_for() -> None:
    name = evidence_of(RESULT, "full").files[0].name
    words = f"the MLflow server took evidence/{name}, and then has it not, or otherwise"
    assert send(Api(forgets=True)).state == waiting(words)


def test_a_store_that_takes_no_files_may_take_the_dataset() -> None:
    result = saved_result(metadata={"dataset": {"name": "d"}}, dataset_id="d")
    sent = send(api := Api([STORE]), result=result)
    assert (sent.state, len(api.datasets) > 0) == (refused("no store"), True)


def test_files_are_told_where_only_the_dataset_is_refused() -> None:
    result = saved_result(dataset_id="d")
    sent = send(Api(refuses_datasets=STORE), result=result)
    assert (sent.state, sent.tags[0].value) == (refused("no store"), "refused: no store")
    assert [one.key for one in sent.tags][1] == "fairmind.evidence_digest"


def test_a_long_reason_is_shortened_in_the_tag() -> None:
    (tag,) = send(Api([StoreRefusedError("w" * 400)])).tags
    assert len(tag.value) == 250


def test_slow_steps_tell_that_the_delivery_came_further() -> None:
    seconds = map(float, range(0, 1000, 5))
    told: list[None] = []
    further: Callable[[], None] = lambda: told.append(None)  # noqa: E731
    api: Any = Api()
    EvidenceSender(api, "full", steady=seconds.__next__).send(PLACE, RESULT, None, further)
    assert len(told) >= len(api.files) > 0


def test_a_result_alone_is_no_table_and_no_tag_of_a_version() -> None:
    api: Any = Api()
    sent = EvidenceSender(api, "result").send(PLACE, RESULT, None)
    assert [tag.key for tag in sent.tags] == ["fairmind.evidence", "fairmind.evidence_digest"]
    assert (sent.state, api.tags) == (ALL_STORED, {})


def test_quick_steps_tell_nothing() -> None:
    told: list[None] = []
    sender = EvidenceSender(cast("Any", Api()), "full", steady=lambda: 100.0)
    sender.send(PLACE, RESULT, None, lambda: told.append(None))
    assert told == []


@pytest.mark.parametrize(
    ("metadata", "source"), [({"dataset_path": "s3://b"}, "s3://b"), ({}, "dataset-1")]
)
def test_a_datasets_source_is_told_where_it_is_known(metadata: dict[str, str], source: str) -> None:
    api: Any = Api()
    EvidenceSender(api, "full").send(PLACE, saved_result(metadata=metadata), None)
    ((_, dataset),) = api.datasets
    assert json.loads(dataset.source) == {"source": source}
