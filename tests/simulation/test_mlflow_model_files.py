"""The model of an MLflow server and a real one are asked the same of runs' files and datasets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairmind_sync.providers.mlflow.runs_api import (
    NotSentError,
    RunPlace,
    ServerFailedError,
    StoreRefusedError,
    UncertainError,
)
from tests.simulation.mlflow_benches import DATASET, FORBIDDEN, START, TAG, Bench

PATH = "evidence/result.json"
CALLS = ["store_file", "read_file"]


def placed(bench: Bench) -> RunPlace:
    return bench.api.create_run(bench.experiment, "a name", START, {TAG: "one"})


def ask(bench: Bench, call: str, run: RunPlace) -> bytes | None:
    if call == "read_file":
        return bench.api.artifacts.read(run, PATH)
    bench.api.artifacts.store(run, PATH, b"{}")
    return None


def test_a_stored_file_is_read_byte_for_byte(bench: Bench) -> None:
    run = placed(bench)
    bench.api.artifacts.store(run, PATH, b"\x00 one")
    assert bench.api.artifacts.read(run, PATH) == b"\x00 one"


def test_a_file_takes_the_place_of_the_one_that_was_there(bench: Bench) -> None:
    run = placed(bench)
    for content in (b"a longer one", b"two"):
        bench.api.artifacts.store(run, PATH, content)
    assert bench.api.artifacts.read(run, PATH) == b"two"


def test_a_file_that_nobody_stored_is_none(bench: Bench) -> None:
    run = placed(bench)
    bench.api.artifacts.store(run, PATH, b"{}")
    assert bench.api.artifacts.read(run, "evidence/other.json") is None


@pytest.mark.parametrize("end", ["finish", "fail", "delete"])
def test_a_run_that_is_over_takes_files(bench: Bench, end: str) -> None:
    run = placed(bench)
    match end:
        case "finish":
            bench.api.finish_run(run.id, START)
        case "fail":
            bench.api.fail_run(run.id)
        case _:
            bench.api.delete_run(run.id)
    bench.api.artifacts.store(run, PATH, b"{}")
    assert bench.api.artifacts.read(run, PATH) == b"{}"


def test_the_same_dataset_is_an_input_once(bench: Bench) -> None:
    run = placed(bench)
    for dataset in (DATASET, replace(DATASET, digest="other"), DATASET):
        bench.api.log_dataset(run.id, dataset)
    assert bench.datasets(run.id) == [("census", "abc"), ("census", "other")]


@pytest.mark.parametrize("effect", ["lost", "no_reply", "429", "503"])
@pytest.mark.parametrize("call", CALLS)
def test_no_answer_and_a_busy_store_say_nothing_of_the_server(
    bench: Bench, call: str, effect: str
) -> None:
    run = placed(bench)
    bench.strike(call, effect)
    with pytest.raises(UncertainError) as unknown:
        ask(bench, call, run)
    assert not isinstance(unknown.value, ServerFailedError)


@pytest.mark.parametrize(("effect", "content"), [("lost", None), ("no_reply", b"{}")])
def test_a_file_that_arrived_is_stored_whatever_became_of_the_reply(
    bench: Bench, effect: str, content: bytes | None
) -> None:
    run = placed(bench)
    bench.strike("store_file", effect)
    with pytest.raises(UncertainError):
        ask(bench, "store_file", run)
    bench.be_well()
    assert bench.api.artifacts.read(run, PATH) == content


@pytest.mark.parametrize("call", CALLS)
def test_a_store_that_forbids_refuses(bench: Bench, call: str) -> None:
    run = placed(bench)
    bench.strike(call, FORBIDDEN)
    with pytest.raises(StoreRefusedError):
        ask(bench, call, run)


def test_a_store_that_fails_is_told_apart_where_a_file_is_stored(bench: Bench) -> None:
    run = placed(bench)
    bench.strike("store_file", "500")
    with pytest.raises(ServerFailedError):
        ask(bench, "store_file", run)


def test_a_file_at_which_the_store_fails_is_none(bench: Bench) -> None:
    run = placed(bench)
    ask(bench, "store_file", run)
    bench.strike("read_file", "500")
    assert ask(bench, "read_file", run) is None


@pytest.mark.parametrize("call", CALLS)
def test_without_a_server_no_file_is_sent(bench: Bench, call: str) -> None:
    run = placed(bench)
    bench.go_away()
    with pytest.raises(NotSentError):
        ask(bench, call, run)
