"""The model of an MLflow server and a real one are asked the same: what they hold, and what they refuse."""

from __future__ import annotations

import pytest

from fairmind_sync.providers.mlflow.runs_api import (
    MetricPoint,
    MlflowRefusedError,
    ParamText,
    TagText,
)
from fairmind_sync.providers.mlflow.sending import INACTIVE
from tests.simulation.mlflow_benches import OF_A_RUN, POINT, START, TAG, Bench, made

CHANGES = ["log", "finish", "fail"]
NONE: frozenset[str] = frozenset()
ACCURACY, MODEL = frozenset({"accuracy"}), frozenset({"model"})


def found(bench: Bench, key: str = "one") -> str | None:
    return bench.api.find_run(bench.experiment, TAG, key)


def is_finished(bench: Bench, run: str) -> bool:
    return bench.api.stored_run(run).is_finished


def test_a_run_is_found_by_its_tag(bench: Bench) -> None:
    run = made(bench)
    made(bench, "two")
    assert (found(bench), found(bench, "three")) == (run, None)


def test_a_deleted_run_is_found(bench: Bench) -> None:
    run = made(bench)
    bench.api.delete_run(run)
    assert found(bench) == run


def test_of_two_the_one_that_starts_first_is_found(bench: Bench) -> None:
    late, early = made(bench, seconds=5), made(bench)
    later = made(bench, seconds=9)
    assert (found(bench), len({late, early, later})) == (early, 3)


def test_of_those_that_start_at_once_the_one_with_the_least_id_is_found(bench: Bench) -> None:
    assert min([made(bench) for _ in range(6)]) == found(bench)


def test_a_new_run_has_its_tags_and_nothing_else(bench: Bench) -> None:
    held = bench.api.stored_run(made(bench))
    assert {TAG: "one", "team": "red"}.items() <= held.tags.items()
    assert (held.is_finished, held.is_deleted) == (False, False)
    assert (held.params, held.metrics) == (NONE, NONE)


def test_a_run_that_is_filled_in_part_shows_what_it_has(bench: Bench) -> None:
    run = made(bench)
    bench.api.log_batch(run, [POINT, ParamText("model", "m"), TagText("colour", "blue")])
    held = bench.api.stored_run(run)
    assert (held.is_finished, held.params, held.metrics) == (False, MODEL, ACCURACY)
    assert held.tags["colour"] == "blue"


def test_a_finished_run_is_finished_also_if_it_is_told_twice(bench: Bench) -> None:
    run = made(bench)
    for _ in range(2):
        bench.api.finish_run(run, START)
    assert is_finished(bench, run)


def test_a_finished_run_takes_more(bench: Bench) -> None:
    run = made(bench)
    bench.api.finish_run(run, START)
    bench.api.log_batch(run, [POINT])
    held = bench.api.stored_run(run)
    assert (held.metrics, held.is_finished) == (ACCURACY, True)


def test_a_finished_run_can_fail_and_be_finished_again(bench: Bench) -> None:
    run = made(bench)
    told = []
    for tell in ("finish", "fail", "finish"):
        OF_A_RUN[tell](bench, run)
        told.append(is_finished(bench, run))
    assert told == [True, False, True]


def test_a_deleted_run_is_shown_with_what_it_had(bench: Bench) -> None:
    run = made(bench)
    bench.api.log_batch(run, [POINT])
    bench.api.finish_run(run, START)
    bench.api.delete_run(run)
    held = bench.api.stored_run(run)
    assert (held.is_deleted, held.is_finished, held.metrics) == (True, True, ACCURACY)


def test_a_run_can_be_deleted_twice(bench: Bench) -> None:
    run = made(bench)
    for _ in range(2):
        bench.api.delete_run(run)
    assert bench.api.stored_run(run).is_deleted


def test_a_repeated_batch_leaves_one_point(bench: Bench) -> None:
    run = made(bench)
    for _ in range(2):
        bench.api.log_batch(run, [POINT, ParamText("model", "m"), TagText("colour", "blue")])
    assert bench.points(run, "accuracy") == [(0.25, 1_000)]


def test_a_point_of_another_time_is_kept_beside_the_first(bench: Bench) -> None:
    run = made(bench)
    bench.api.log_batch(run, [POINT])
    bench.api.log_batch(run, [MetricPoint("accuracy", 0.25, 2_000)])
    assert bench.points(run, "accuracy") == [(0.25, 1_000), (0.25, 2_000)]


def test_a_tag_can_be_changed(bench: Bench) -> None:
    run = made(bench)
    bench.api.log_batch(run, [TagText("team", "blue")])
    assert bench.api.stored_run(run).tags["team"] == "blue"


def test_a_param_cannot_be_changed(bench: Bench) -> None:
    run = made(bench)
    bench.api.log_batch(run, [ParamText("model", "m")])
    with pytest.raises(MlflowRefusedError) as refused:
        bench.api.log_batch(run, [ParamText("model", "another")])
    assert refused.value.code == "INVALID_PARAMETER_VALUE"


def test_of_a_batch_that_is_refused_nothing_is_kept(bench: Bench) -> None:
    run = made(bench)
    bench.api.log_batch(run, [ParamText("model", "m")])
    with pytest.raises(MlflowRefusedError):
        bench.api.log_batch(
            run,
            [POINT, ParamText("a", "new"), ParamText("model", "another"), TagText("team", "blue")],
        )
    held = bench.api.stored_run(run)
    assert (held.params, held.metrics, held.tags["team"]) == (MODEL, NONE, "red")


@pytest.mark.parametrize("request_", CHANGES)
def test_a_deleted_run_takes_nothing(bench: Bench, request_: str) -> None:
    run = made(bench)
    bench.api.delete_run(run)
    with pytest.raises(MlflowRefusedError, match=INACTIVE) as refused:
        OF_A_RUN[request_](bench, run)
    assert refused.value.code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("request_", [*OF_A_RUN])
def test_a_run_that_never_was_is_named_as_such(bench: Bench, request_: str) -> None:
    with pytest.raises(MlflowRefusedError) as refused:
        OF_A_RUN[request_](bench, "0" * 32)
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_unfinished_are_those_that_run_and_bear_the_tag(bench: Bench) -> None:
    running, finished, failed, deleted = (made(bench, key) for key in ("a", "b", "c", "d"))
    bench.api.create_run(bench.experiment, "a stranger's", START, {"team": "red"})
    bench.api.finish_run(finished, START)
    bench.api.fail_run(failed)
    bench.api.delete_run(deleted)
    assert bench.api.unfinished_runs(bench.experiment, TAG) == [(running, "a")]


def test_failed_are_those_that_ended_so_and_bear_the_tag(bench: Bench) -> None:
    _, finished, failed, deleted = (made(bench, key) for key in ("a", "b", "c", "d"))
    stranger = bench.api.create_run(bench.experiment, "a stranger's", START, {"team": "red"}).id
    bench.api.finish_run(finished, START)
    for run in (failed, deleted, stranger):
        bench.api.fail_run(run)
    bench.api.delete_run(deleted)
    assert bench.api.failed_runs(bench.experiment, TAG) == [(failed, "c")]


def test_a_failed_run_can_be_finished(bench: Bench) -> None:
    run = made(bench)
    bench.api.fail_run(run)
    bench.api.finish_run(run, START)
    assert is_finished(bench, run)


def test_deleted_are_those_that_were_deleted_and_bear_the_tag(bench: Bench) -> None:
    made(bench, "a")
    running, finished = made(bench, "b"), made(bench, "c")
    stranger = bench.api.create_run(bench.experiment, "a stranger's", START, {"team": "red"}).id
    bench.api.finish_run(finished, START)
    for run in (running, finished, stranger):
        bench.api.delete_run(run)
    told = bench.api.deleted_runs(bench.experiment, TAG)
    assert sorted(told) == sorted([(running, "b"), (finished, "c")])


def test_all_runs_of_a_key_are_listed(bench: Bench) -> None:
    runs = {made(bench) for _ in range(3)}
    told = bench.api.unfinished_runs(bench.experiment, TAG)
    assert (sorted(told), len(told)) == (sorted((run, "one") for run in runs), 3)
