"""Evidence that is added to a run at W&B later, and what W&B's own word makes of it: no SDK is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fairmind_sync.providers.wandb.content import content_of
from fairmind_sync.providers.wandb.held import Held
from fairmind_sync.providers.wandb.run_files import files_of, md5
from fairmind_sync.results.delivery import OwedEvidence
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState
from fairmind_sync.settings import Settings
from tests.providers.wandb_calls import KEY, shown
from tests.support.values import SAVED_AT, delivery, saved_result

FILES = files_of(saved_result(), "full")
WHOLE = {name: md5(content) for name, content in FILES.contents.items()}
FOUND_AGAIN = "1" * 32
"""The delivery's key, which is not the run's id."""
OWED = OwedEvidence(1, FOUND_AGAIN, KEY, None, "e/p", SAVED_AT, saved_result())
CONTENT = content_of(delivery(), "p")
FIRST = next(iter(WHOLE))
MISSING = EvidenceState("refused", f"W&B took the run and, without a word, not {FIRST}")


@pytest.fixture(scope="module")
def late() -> Any:
    """The module, whose import takes a second: each process of a run collects this one."""
    return importlib.import_module("fairmind_sync.providers.wandb.late_files")


@pytest.fixture
def waits() -> list[float]:
    """So long each `pause` was."""
    return []


@dataclass
class Sdk:
    """Answers each look from a list, the last answer for ever."""

    looks: list[Held | None]
    trouble: Exception | None = None
    project: bool = True
    added: list[Any] = field(default_factory=list)
    is_clean: bool = True

    def read_back(self, keys: Iterable[str]) -> dict[str, Held]:
        assert [*keys] == [KEY]
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return {KEY: found} if found else {}

    def add_files(self, key: str, files: Any) -> None:
        self.added.append((key, files))
        if self.trouble:
            raise self.trouble

    def shows_the_project(self) -> bool:
        return self.project

    def leads_elsewhere(self, destination: str | None) -> bool:
        return destination != "e/p"


def run(files: dict[str, str], state: str = "finished") -> Held:
    return shown(CONTENT, files=files, state=state)


def test_what_w_and_b_holds_is_not_sent_again(late: Any, waits: list[float]) -> None:
    state = late.add_late_files(sdk := Sdk([run(WHOLE)]), OWED, "full", waits.append)
    assert (state, sdk.added, waits) == (ALL_STORED, [], [])


def test_what_lacks_is_added_and_looked_for_until_it_shows(late: Any, waits: list[float]) -> None:
    sdk = Sdk([run({}), run({}), run({}), run(WHOLE)])
    assert late.add_late_files(sdk, OWED, "full", waits.append) == ALL_STORED
    assert (sdk.added, waits) == ([(KEY, FILES)], [0.0, 0.2, 0.5])


def test_a_provider_adds_files_of_the_chosen_kind_after_a_probe(
    late: Any, waits: list[float]
) -> None:
    class Probed(Sdk):
        def probe(self) -> None:
            self.added.append("probe")

        def restart(self) -> None:
            self.added.append("restart")

    providers = importlib.import_module("fairmind_sync.providers.wandb.provider")
    settings = Settings(provider="wandb", evidence="full")
    provider = providers.WandbProvider(sdk := Probed([run({}), run(WHOLE)]), settings)
    assert provider.add_evidence(OWED) == ALL_STORED
    assert sdk.added == ["probe", (KEY, FILES)]
    sdk.added.clear()
    for _ in range(2 * providers.RUNS_PER_CORE - 1):
        provider.add_evidence(OWED)
    restarts = [number for number, what in enumerate(sdk.added) if what == "restart"]
    assert restarts == [providers.RUNS_PER_CORE - 1, 2 * providers.RUNS_PER_CORE]


def test_a_core_that_could_not_add_files_is_restarted(late: Any) -> None:
    """Else the run's id would be in use at the next try."""

    class Failing(Sdk):
        def probe(self) -> None: ...

        def restart(self) -> None:
            self.added.append("restart")

    providers = importlib.import_module("fairmind_sync.providers.wandb.provider")
    sdk = Failing([run({})], late.UploadError("no"), is_clean=False)
    provider = providers.WandbProvider(sdk, Settings(provider="wandb", evidence="full"))
    assert not provider.add_evidence(OWED).is_stored
    assert sdk.added == [(KEY, FILES), "restart"]


def test_what_never_shows_is_told(late: Any, waits: list[float]) -> None:
    assert late.add_late_files(Sdk([run({})]), OWED, "full", waits.append) == MISSING
    assert waits == [0.0, 0.2, 0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("error", "state"),
    [("RunRefusedError", "refused"), ("WandbRefusedError", "refused"), ("UploadError", "waiting")],
)
def test_why_files_were_not_taken_is_told(
    late: Any, waits: list[float], error: str, state: str
) -> None:
    sdk = Sdk([run({})], getattr(late, error)("no"))
    assert late.add_late_files(sdk, OWED, "full", waits.append) == EvidenceState(state, "no")


@pytest.mark.parametrize(
    ("project", "state"),
    [
        (True, EvidenceState("refused", "the run was deleted at W&B", is_final=True)),
        (False, EvidenceState("waiting", "W&B doesn't show the project")),
    ],
)
def test_a_run_that_is_not_shown_is_gone_where_the_project_is_shown(
    late: Any, waits: list[float], project: bool, state: EvidenceState
) -> None:
    sdk = Sdk([None], project=project)
    assert late.add_late_files(sdk, OWED, "full", waits.append) == state
    assert len(sdk.added) == (not project)


def test_a_run_of_another_project_is_not_taken_for_deleted(late: Any, waits: list[float]) -> None:
    owed, words = replace(OWED, destination="e/q"), "WANDB_ENTITY and WANDB_PROJECT don't lead"
    state = EvidenceState("refused", f"the run is at e/q, where {words}", is_final=True)
    assert late.add_late_files(sdk := Sdk([None]), owed, "full", waits.append) == state
    assert sdk.added == []


def test_a_run_that_is_shown_gets_its_files_whatever_its_project_was_called(
    late: Any, waits: list[float]
) -> None:
    owed = replace(OWED, destination="e/q")
    assert late.add_late_files(Sdk([run({}), run(WHOLE)]), owed, "full", waits.append) == ALL_STORED


def test_files_of_a_run_that_is_open_wait(late: Any) -> None:
    words = "the run is running at W&B"
    assert late.state_of(FILES, run(WHOLE, "running")) == EvidenceState("waiting", words)
    assert late.state_of(FILES, run(WHOLE | {FIRST: "other"})) == MISSING
