"""The model of an MLflow server and a real one, fault by fault: what a client hears, and what was done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.providers.mlflow.runs_api import NotSentError, UncertainError
from tests.simulation.mlflow_benches import ALL, FORBIDDEN, RETRY_AFTER_S, TAG, Bench, made

each_request = pytest.mark.parametrize("request_", [*ALL])


@pytest.mark.parametrize("effect", ["lost", "no_reply", "500"])
@each_request
def test_without_an_answer_nobody_knows(bench: Bench, request_: str, effect: str) -> None:
    run = made(bench)
    bench.strike(request_, effect)
    with pytest.raises(UncertainError):
        ALL[request_](bench, run)


@pytest.mark.parametrize(
    ("effect", "count"), [("lost", 0), ("no_reply", 1), ("500", 0), ("503", 0)]
)
def test_a_create_without_a_run_id_may_have_made_a_run(
    bench: Bench, effect: str, count: int
) -> None:
    bench.strike("create", effect)
    with pytest.raises((UncertainError, ProviderOfflineError)):
        made(bench)
    bench.be_well()
    assert len(bench.api.unfinished_runs(bench.experiment, TAG)) == count


@pytest.mark.parametrize(("effect", "is_done"), [("lost", False), ("no_reply", True)])
def test_what_arrived_is_done_whatever_became_of_the_reply(
    bench: Bench, effect: str, is_done: bool
) -> None:
    run = made(bench)
    for tell in ("log", "finish", "delete"):
        bench.strike(tell, effect)
        with pytest.raises(UncertainError):
            ALL[tell](bench, run)
    bench.be_well()
    held = bench.api.stored_run(run)
    assert (bool(held.metrics), held.is_finished, held.is_deleted) == (is_done,) * 3


@pytest.mark.parametrize(("effect", "is_done"), [("lost", False), ("no_reply", True)])
def test_a_failure_that_was_told_is_done_whatever_became_of_the_reply(
    bench: Bench, effect: str, *, is_done: bool
) -> None:
    run = made(bench)
    bench.strike("fail", effect)
    with pytest.raises(UncertainError):
        bench.api.fail_run(run)
    bench.be_well()
    assert bench.api.failed_runs(bench.experiment, TAG) == [(run, "one")] * is_done


@pytest.mark.parametrize("status", ["429", "503"])
@each_request
def test_a_busy_server_says_how_long_to_rest(bench: Bench, request_: str, status: str) -> None:
    run = made(bench)
    bench.strike(request_, status)
    with pytest.raises(ProviderOfflineError) as offline:
        ALL[request_](bench, run)
    assert offline.value.after == timedelta(seconds=RETRY_AFTER_S)
    assert not isinstance(offline.value, NotSentError)


@each_request
def test_a_server_that_forbids_blocks(bench: Bench, request_: str) -> None:
    run = made(bench)
    bench.strike(request_, FORBIDDEN)
    with pytest.raises(ProviderBlockedError):
        ALL[request_](bench, run)


@each_request
def test_without_a_server_nothing_is_sent(bench: Bench, request_: str) -> None:
    run = made(bench)
    bench.go_away()
    with pytest.raises(NotSentError) as unsent:
        ALL[request_](bench, run)
    assert unsent.value.address is not None
