"""What probes, sweeps and missing evidence ask of MLflow's API, and what each answer becomes."""

from __future__ import annotations

from typing import Any

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers.base import Delivered
from fairmind_sync.providers.mlflow.content import DELIVERY_KEY_TAG
from fairmind_sync.providers.mlflow.run_evidence import EvidenceSender, Sent
from fairmind_sync.providers.mlflow.runs_api import (
    MlflowRefusedError,
    RunPlace,
    StoredRun,
    UncertainError,
)
from fairmind_sync.results.delivery import OwedEvidence
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState
from tests.providers.mlflow_provider_calls import (
    KEY,
    KNOWN,
    NO_RUN,
    THERE,
    URL,
    Api,
    Kept,
    Notes,
    deliver,
    provider,
)
from tests.support.log_events import captured_logs
from tests.support.values import SAVED_AT, delivery, saved_result

GONE = EvidenceState("refused", "the run was deleted at MLflow", is_final=True)
NO_TAG = (
    "MLflow takes no tag for the experiment (PERMISSION_DENIED): no. "
    "Check that our credentials may edit it."
)
REFUSED = MlflowRefusedError("PERMISSION_DENIED", "no")
OFF_LIMITS = ProviderBlockedError("403")


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        (
            {"experiment_id": REFUSED},
            ProviderBlockedError,
            "MLflow refuses the experiment 'e' (PERMISSION_DENIED): no. Check MLFLOW_EXPERIMENT_NAME.",
        ),
        (
            {"tag_experiment": REFUSED},
            ProviderBlockedError,
            NO_TAG,
        ),
        ({"experiment_id": UncertainError("no reply")}, ProviderOfflineError, "no reply"),
        ({"tag_experiment": UncertainError("no reply")}, ProviderOfflineError, "no reply"),
    ],
)
def test_what_a_probe_meets_blames_no_delivery(
    answers: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as met:
        provider(Api(**answers)).probe()
    assert (met.type, str(met.value)) == (kind, words)


def test_an_error_that_nobody_foresaw_blocks_in_words() -> None:
    with pytest.raises(
        ProviderBlockedError, match=r"the MLflow experiment can't be had.*ValueError"
    ):
        [*provider(Api(experiment_id=ValueError("odd"))).deliver([], Notes(), lambda: True)]


def owed(destination: str | None = THERE) -> OwedEvidence:
    return OwedEvidence(1, KEY, "r", URL, destination, SAVED_AT, saved_result())


def test_missing_evidence_is_sent_to_its_run() -> None:
    assert provider(api := Api()).add_evidence(owed()) == ALL_STORED
    assert api.calls == [("stored_run", "r"), ("log_batch", "r", [])]


@pytest.mark.parametrize("now", ["http://h", "http://ann:pw@h/"])
@pytest.mark.parametrize("then", ["http://h", "http://h/"])
def test_a_slash_at_the_end_of_an_address_is_no_matter(now: str, then: str) -> None:
    one = provider(Api(), mlflow_tracking_uri=now)
    assert one.add_evidence(owed(f"{then} experiment 7")) == ALL_STORED


@pytest.mark.parametrize(
    "destination", [None, "http://else experiment 7", "http://h1 experiment 7", "http://h"]
)
def test_a_run_elsewhere_gets_no_evidence(destination: str | None) -> None:
    state = provider(api := Api()).add_evidence(owed(destination))
    words = f"the run is at {destination}, where MLFLOW_TRACKING_URI doesn't lead"
    assert (state, api.calls) == (EvidenceState("refused", words, is_final=True), [])


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"stored_run": StoredRun(is_deleted=True)}, GONE),
        ({"stored_run": NO_RUN}, GONE),
        ({"log_batch": REFUSED}, EvidenceState("refused", "no")),
        ({"stored_run": UncertainError("no reply")}, EvidenceState("waiting", "no reply")),
        ({"stored_run": OFF_LIMITS}, EvidenceState("refused", "403")),
        ({"log_batch": OFF_LIMITS}, EvidenceState("refused", "403")),
    ],
)
def test_what_keeps_evidence_out_is_told(answers: dict[str, Any], state: EvidenceState) -> None:
    assert provider(Api(**answers)).add_evidence(owed()) == state


def test_where_mlflow_refuses_us_altogether_no_evidence_is_given_up() -> None:
    with pytest.raises(ProviderBlockedError, match=r"^MLflow takes no tag"):
        provider(Api(stored_run=OFF_LIMITS, tag_experiment=REFUSED)).add_evidence(owed())


def sweep(notes: Notes, suspects: tuple[str, ...] = (), **answers: Any) -> tuple[Api, list[Any]]:
    with captured_logs() as events:
        provider(api := Api(**answers)).sweep(suspects, notes)
    return api, events


def test_a_sweep_looks_for_unfinished_and_deleted_runs_of_ours() -> None:
    api, events = sweep(Notes())
    assert api.made("unfinished_runs") == [["7", DELIVERY_KEY_TAG]]
    assert api.made("deleted_runs") == [["7", DELIVERY_KEY_TAG]]
    assert events == []


@pytest.mark.parametrize(
    ("standing", "call", "event"),
    [
        (
            Standing("delivered", "other", SAVED_AT),
            "delete_run",
            {"event": "run.duplicate_removed"},
        ),
        (
            Standing("dead", None, SAVED_AT),
            "fail_run",
            {"event": "run.abandoned", "status": "dead"},
        ),
        (
            Standing("discarded", "r", SAVED_AT),
            "fail_run",
            {"event": "run.abandoned", "status": "discarded"},
        ),
        (Standing("pending", None, SAVED_AT), None, None),
        (Standing("delivered", "r", SAVED_AT), None, None),
        (None, None, None),
    ],
)
def test_an_unfinished_run_is_put_right(
    standing: Standing | None, call: str | None, event: dict[str, str] | None
) -> None:
    known = {} if standing is None else {KEY: standing}
    api, events = sweep(Notes(standings=known), unfinished_runs=[("r", KEY)])
    told = {"log_level": "warning", "provider": "mlflow", "run_id": "r"}
    assert events == ([told | event] if event else [])
    assert [api.made(one) for one in ("delete_run", "fail_run")] == [
        [["r"]] if call == one else [] for one in ("delete_run", "fail_run")
    ]


def test_of_two_runs_of_what_is_given_up_one_stays() -> None:
    notes = Notes(standings={KEY: Standing("dead", None, SAVED_AT)})
    api, events = sweep(notes, unfinished_runs=[("r", KEY), ("second", KEY)])
    assert (api.made("fail_run"), api.made("delete_run")) == ([["r"]], [["second"]])
    assert [one["event"] for one in events] == ["run.abandoned", "run.duplicate_removed"]


def test_the_run_of_what_is_retried_meanwhile_is_left_alone() -> None:
    notes = Notes(standings={KEY: Standing("dead", None, SAVED_AT)}, is_retried=True)
    api, events = sweep(notes, unfinished_runs=[("r", KEY)])
    assert (api.made("fail_run"), api.made("delete_run"), events) == ([], [], [])


def test_what_was_delivered_before_its_run_was_ended_as_failed_is_delivered_again() -> None:
    class Retried(Notes):
        """The retry is delivered while the run is failed."""

        def note_abandoned(self, key: str, run_id: str) -> bool:
            self.standings[key] = Standing("delivered", run_id, SAVED_AT)
            return True

    notes = Retried(standings={KEY: Standing("dead", "r", SAVED_AT)})
    sweep(notes, unfinished_runs=[("r", KEY)])
    assert notes.told == [("its run was ended as FAILED at MLflow", KEY)]


@pytest.mark.parametrize(
    ("standing", "suspects", "is_told"),
    [
        (Standing("delivered", "r", SAVED_AT), (KEY,), True),
        (Standing("delivered", "r", SAVED_AT), (), False),
        (Standing("delivered", "other", SAVED_AT), (KEY,), False),
        (Standing("dead", "r", SAVED_AT), (KEY,), False),
        (None, (KEY,), False),
    ],
    ids=["a suspect", "maybe a user's mark", "a run that was left behind", "given up", "another's"],
)
def test_a_delivered_run_that_was_failed_late_is_delivered_again(
    standing: Standing | None, suspects: tuple[str, ...], *, is_told: bool
) -> None:
    notes = Notes(standings={} if standing is None else {KEY: standing})
    api, _ = sweep(notes, suspects, failed_runs=[("r", KEY)])
    assert notes.told == ([("its run was ended as FAILED at MLflow", KEY)] if is_told else [])
    assert api.made("failed_runs") == [["7", DELIVERY_KEY_TAG]]


@pytest.mark.parametrize("is_sendable", [True, False])
def test_a_failed_run_of_which_nothing_can_be_sent_again_is_ended_as_it_was(
    *, is_sendable: bool
) -> None:
    """As where its result was deleted since."""
    known = {KEY: Standing("delivered", "r", SAVED_AT)}
    notes = Notes(standings=known, is_sendable=is_sendable)
    api, _ = sweep(notes, (KEY,), failed_runs=[("r", KEY)])
    assert api.made("finish_run") == ([] if is_sendable else [["r", SAVED_AT]])


@pytest.mark.parametrize(("run", "told"), [("r", [("deleted", KEY)]), ("other", [])])
def test_a_deleted_run_is_noted_where_it_is_the_deliverys(run: str, told: list[Any]) -> None:
    notes = Notes(standings={KEY: Standing("delivered", run, SAVED_AT)})
    sweep(notes, deleted_runs=[("x", "1" * 32), ("r", KEY)])
    assert notes.told == told


def test_a_sweep_without_an_answer_says_that_mlflow_is_away() -> None:
    with pytest.raises(ProviderOfflineError, match=r"^no reply$"):
        sweep(Notes(), unfinished_runs=UncertainError("no reply"))


def test_evidence_goes_to_the_runs_place_and_tells_that_it_came_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[Any, ...]] = []

    def send(_sender: EvidenceSender, *given: Any) -> Sent:
        sent.append(given)
        return Sent(GONE, [])

    monkeypatch.setattr(EvidenceSender, "send", send)
    outcome = deliver(api := Api(), delivery(), notes := Notes())
    assert isinstance(outcome, Delivered)
    assert (outcome.evidence, provider(api).add_evidence(owed())) == (GONE, GONE)
    place = RunPlace("r", "s3://b")
    assert [given[:3] for given in sent] == [(place, saved_result(), URL)] * 2
    sent[0][3]()
    assert notes.told[-1] == ("progressed", KEY)


def test_evidence_of_a_run_that_is_there_goes_where_its_files_are() -> None:
    asked: list[RunPlace] = []

    class Noted(Kept):
        def store(self, run: RunPlace, path: str, content: bytes) -> None:
            asked.append(run)
            super().store(run, path, content)

    vars(api := Api(stored_run=StoredRun(artifact_uri="s3://there")))["artifacts"] = Noted()
    deliver(api, KNOWN, evidence="result")
    assert asked == [RunPlace("r", "s3://there")]


@pytest.mark.parametrize(("name", "told"), [("e" * 100, "e" * 100), ("e" * 101, f"{'e' * 87}-")])
def test_a_long_name_of_an_experiment_is_told_by_its_beginning(name: str, told: str) -> None:
    with pytest.raises(ProviderBlockedError) as blocked:
        provider(Api(experiment_id=REFUSED), mlflow_experiment_name=name).probe()
    quoted = str(blocked.value).split("'")[1]
    assert (quoted[: len(told)], len(quoted)) == (told, 100)
