"""What the relay expects of every provider: one suite for the provider in memory, MLflow and W&B.

The simulator's models of both services pass it as well: what a simulated run shows is true of the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from fairmind_sync.outbox.unclean_attempts import Standing
from fairmind_sync.providers.base import Dead, Delivered, Retry
from fairmind_sync.results.delivery import Delivery
from fairmind_sync.results.error_kinds import ErrorKind
from tests.providers.subjects import (
    FakeSubject,
    Held,
    Subject,
    mlflow_subject,
    new_deliveries,
    redelivered,
    standings,
    wandb_subject,
)
from tests.providers.transcript import Call, Transcript
from tests.support.values import SAVED_AT

MODELS = ["mlflow model", "wandb model"]
SUBJECTS = [
    "fake",
    *MODELS,
    *(pytest.param(name, marks=pytest.mark.system) for name in ("mlflow", "wandb")),
]
MANY = 40
"""More than a provider takes at once."""


def _subject(which: str, stack: ExitStack, uri: str | None, place: Path) -> Subject:
    if which == "mlflow":
        assert uri is not None
        return stack.enter_context(mlflow_subject(uri, place))
    if which == "wandb":
        return stack.enter_context(wandb_subject(place))
    return FakeSubject() if which == "fake" else _model(which)


def _model(which: str) -> Subject:
    """Its modules import W&B's SDK, which takes a second: each process of a run collects this module."""
    from tests.providers.model_subjects import MlflowModelSubject, WandbModelSubject

    return MlflowModelSubject() if which == "mlflow model" else WandbModelSubject()


def _opened(request: pytest.FixtureRequest, place: Path) -> Iterator[Subject]:
    uri = request.getfixturevalue("mlflow_uri") if request.param == "mlflow" else None
    with ExitStack() as stack:
        yield _subject(request.param, stack, uri, place)


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """With an empty service."""
    yield from _opened(request, tmp_path)


@dataclass
class Session:
    """One undisturbed call, which several tests look at."""

    subject: Subject
    deliveries: list[Delivery]
    seen: Transcript

    @property
    def keys(self) -> list[str]:
        return sorted(one.key for one in self.deliveries)


@pytest.fixture(scope="module", params=SUBJECTS)
def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    for subject in _opened(request, tmp_path_factory.mktemp("contract")):
        deliveries = new_deliveries(subject.name, [number / 8 for number in range(MANY)])
        yield Session(subject, deliveries, subject.call(Call(deliveries)))


def test_each_delivery_gets_one_outcome(session: Session) -> None:
    assert sorted(session.seen.keys("outcome")) == session.keys
    assert session.seen.raised is None


def test_what_is_delivered_is_one_finished_run_with_its_own_content(session: Session) -> None:
    held = session.subject.held()
    runs = {key: outcome.run.id for key, outcome in session.seen.delivered()}
    assert held == {
        one.key: [Held(runs[one.key], True, one.result.results["accuracy"])]  # type: ignore[arg-type]  # a number
        for one in session.deliveries
    }


def test_a_delivered_run_has_a_page_and_its_destination(session: Session) -> None:
    told = [(outcome.run.url, outcome.destination) for _, outcome in session.seen.delivered()]
    assert len(told) == MANY
    assert all(str(url).startswith("http") and destination for url, destination in told)


def test_each_run_has_a_page_of_its_own(session: Session) -> None:
    assert len({outcome.run.url for _, outcome in session.seen.delivered()}) == MANY


def test_the_journal_is_told_once_that_a_run_may_be_made_and_where(session: Session) -> None:
    told = [event for event in session.seen.events if event.what == "creating"]
    assert sorted(event.key for event in told) == session.keys
    assert all(event.word for event in told)


def test_a_run_id_is_the_delivery_key_or_is_journaled_before_the_outcome(session: Session) -> None:
    """So that no later attempt has to look for the run."""
    known = {one.key: {one.key} for one in session.deliveries}
    outcomes = {key: outcome.run.id for key, outcome in session.seen.delivered()}
    unknown = []
    for event in session.seen.events:
        if event.what == "created":
            known[event.key].add(event.word)
        elif event.what == "outcome" and outcomes[event.key] not in known[event.key]:
            unknown.append(event)
    assert unknown == []


def test_may_start_is_asked_before_each_start(session: Session) -> None:
    """In the thread that starts it: an answer that another thread got may be older than a stop."""
    last: dict[int, str] = {}
    unasked = []
    for event in session.seen.events:
        if event.what == "creating" and last.get(event.thread) != "asked":
            unasked.append(event)
        if event.what in ("asked", "creating"):
            last[event.thread] = event.what
    assert unasked == []


def test_nothing_is_taken_that_cannot_start_soon(session: Session) -> None:
    waiting, most = 0, 0
    for event in session.seen.events:
        waiting += {"taken": 1, "creating": -1}.get(event.what, 0)
        most = max(most, waiting)
    assert most <= session.seen.batch_size


def test_a_sweep_leaves_good_runs_alone(session: Session) -> None:
    before = session.subject.held()
    seen = session.subject.call(Call(standings=standings(session.seen)))
    assert (seen.raised, seen.keys("deliver_again")) == (None, [])
    assert session.subject.held() == before


def test_a_sweep_leaves_another_databases_runs_alone(session: Session) -> None:
    before = session.subject.held()
    seen = session.subject.call(Call(standings={"0" * 32: Standing("dead", None, SAVED_AT)}))
    assert (seen.raised, session.subject.held()) == (None, before)


def test_nothing_is_taken_when_nothing_may_start(subject: Subject) -> None:
    seen = subject.call(Call(new_deliveries(subject.name, [0.5, 0.75]), yeses=0))
    assert (seen.keys("taken"), seen.outcomes, seen.raised) == ([], [], None)


def test_what_was_not_started_gets_no_outcome(subject: Subject) -> None:
    seen = subject.call(Call(new_deliveries(subject.name, [0.5] * MANY), yeses=7))
    assert sorted(seen.keys("outcome")) == sorted(seen.keys("creating"))
    assert len(seen.keys("creating")) <= 7


def test_a_service_that_is_away_is_told_as_such_and_nothing_is_taken(subject: Subject) -> None:
    subject.go_away()
    seen = subject.call(Call(new_deliveries(subject.name, [0.5])))
    assert seen.raised is not None
    assert "ProviderUnavailableError" in seen.raised[0]
    assert (seen.keys("taken"), seen.outcomes) == ([], [])


def test_unavailable_is_raised_after_the_outcomes_of_what_was_under_way(subject: Subject) -> None:
    subject.refuse_after(2)
    seen = subject.call(Call(new_deliveries(subject.name, [0.5] * 6)))
    assert seen.raised is not None
    assert "ProviderUnavailableError" in seen.raised[0]
    finished = [key for key, runs in subject.held().items() if runs[0].is_finished]
    assert sorted(key for key, _ in seen.delivered()) == sorted(finished)
    assert len(finished) == 2


def test_what_the_service_does_not_confirm_is_not_delivered(subject: Subject) -> None:
    subject.forget_silently()
    seen = subject.call(Call(new_deliveries(subject.name, [0.5])))
    ((_, outcome),) = seen.outcomes
    assert isinstance(outcome, Retry)
    assert outcome.kind in (ErrorKind.UNCONFIRMED, ErrorKind.UNCERTAIN)
    assert outcome.reason


def test_a_run_that_a_user_deleted_is_not_made_again(subject: Subject) -> None:
    deliveries = new_deliveries(subject.name, [0.5])
    before = subject.call(Call(deliveries))
    subject.delete(deliveries[0].key)
    seen = subject.call(Call(redelivered(deliveries, before)))
    ((_, outcome),) = seen.outcomes
    assert isinstance(outcome, Dead)
    assert isinstance(outcome.kind, ErrorKind)
    assert (bool(outcome.reason), subject.held()) == (True, {})


def test_without_its_lease_no_run_is_made_and_its_neighbour_is_delivered(subject: Subject) -> None:
    lost, neighbour = new_deliveries(subject.name, [0.5, 0.75])
    seen = subject.call(Call([lost, neighbour], losing={lost.key: "creating"}))
    assert (seen.keys("outcome"), [*subject.held()]) == ([neighbour.key], [neighbour.key])
    assert seen.raised is None


def test_a_lost_lease_is_logged(subject: Subject) -> None:
    (lost,) = new_deliveries(subject.name, [0.5])
    seen = subject.call(Call([lost], losing={lost.key: "creating"}))
    assert seen.log == ["delivery.lease_lost"]


def test_whatever_interrupted_a_delivery_the_next_attempt_leaves_one_whole_run(
    subject: Subject,
) -> None:
    """Interrupted: before it made a run, once the run's id was known, and before anybody recorded it."""
    deliveries = new_deliveries(subject.name, [0.25, 0.5, 0.75])
    losing = {deliveries[0].key: "creating", deliveries[1].key: "created"}
    before = subject.call(Call(deliveries, losing=losing))
    seen = subject.call(Call(redelivered(deliveries, before)))
    assert subject.held() == {
        one.key: [Held(seen_run(seen, one), True, value)]
        for one, value in zip(deliveries, (0.25, 0.5, 0.75), strict=True)
    }


def test_whatever_was_not_recorded_of_a_whole_run_the_next_attempt_leaves_it_one(
    subject: Subject,
) -> None:
    """Nobody noted its id: the worker died between the service's answer and the commit."""
    deliveries = new_deliveries(subject.name, [0.25])
    before = subject.call(Call(deliveries))
    before.events = [event for event in before.events if event.what != "created"]
    seen = subject.call(Call(redelivered(deliveries, before)))
    (one,) = deliveries
    assert subject.held() == {one.key: [Held(seen_run(seen, one), True, 0.25)]}


def test_after_a_lost_reply_the_next_attempt_leaves_one_whole_run(subject: Subject) -> None:
    deliveries = new_deliveries(subject.name, [0.25])
    subject.lose_a_reply()
    before = subject.call(Call(deliveries))
    subject.be_well()
    seen = subject.call(Call(redelivered(deliveries, before)))
    (one,) = deliveries
    assert subject.held() == {one.key: [Held(seen_run(seen, one), True, 0.25)]}


def seen_run(seen: Transcript, one: Delivery) -> str:
    """The run that the call says it delivered; otherwise what it says instead."""
    outcome = dict(seen.outcomes).get(one.key)
    return outcome.run.id if isinstance(outcome, Delivered) else f"{outcome}, {seen.raised}"
