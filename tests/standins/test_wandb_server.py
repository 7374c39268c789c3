"""The stand-in against the real SDK, whose every call runs in a process of its own."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.standins.wandb_sdk import KEY, sample, sdk
from tests.standins.wandb_server import StandInWandb, serve_wandb


@pytest.fixture
def standin() -> Iterator[StandInWandb]:
    with serve_wandb(api_keys={KEY}) as served:
        yield served


@pytest.fixture
def client(standin: StandInWandb, tmp_path: Path) -> Callable[..., Any]:
    return partial(sdk, standin.base_url, tmp_path)


def test_a_run_arrives_whole(standin: StandInWandb, client: Callable[..., Any]) -> None:
    client("deliver", run_id="one")
    run, sent = standin.runs["one"], sample("one")
    arrived = {
        "name": run.display_name,
        "config": run.config,
        "tags": run.tags,
        "row": {name: run.history[0][name] for name in sent["row"]},
        "summary": {name: run.summary[name] for name in sent["summary"]},
    }
    assert (arrived, run.state) == (sent, "finished")


def test_an_exit_code_marks_a_run_failed(standin: StandInWandb, client: Callable[..., Any]) -> None:
    client("deliver", run_id="one", exitcode=3)
    assert (standin.runs["one"].state, standin.runs["one"].exitcode) == ("failed", 3)


def test_eight_threads_at_once_lose_nothing(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    names = [f"run{number}" for number in range(24)]
    client("deliver_many", run_ids=names, threads=8)
    complete = {
        name
        for name, run in standin.runs.items()
        if run.state == "finished"
        and run.config == sample(name)["config"]
        and run.summary["digest"] == f"digest of {name}"
        and len(run.history) == 1
    }
    assert complete == set(names)


def test_the_url_of_a_run_opens_a_page_with_its_name(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    url = client("deliver", run_id="one")["url"]
    assert url == f"{standin.base_url}/standin/bias/runs/one"
    assert "Name of one" in httpx.get(url).text


def test_delivering_an_id_again_leaves_one_run_with_one_row(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    client("deliver", run_id="one")
    client("deliver", run_id="one")
    run = standin.runs["one"]
    assert (len(standin.runs), run.created_count, len(run.history)) == (1, 1, 1)


def test_delivering_an_id_again_keeps_its_summary(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    client("deliver", run_id="one", summary={"first": 1})
    client("deliver", run_id="one", summary={"second": 2})
    assert {"first": 1, "second": 2}.items() <= standin.runs["one"].summary.items()


def test_runs_read_back_as_they_were_delivered(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    client("deliver_many", run_ids=["one", "two", "three"], threads=1)
    told = {run["id"]: run for run in client("read_back", run_ids=["one", "two", "none"])}
    assert set(told) == {"one", "two"}
    assert told["two"]["config"] == sample("two")["config"]
    assert told["two"]["summary"].items() >= sample("two")["summary"].items()
    assert (told["two"]["state"], told["two"]["lines"]) == ("finished", 1)


def test_one_run_reads_back_with_its_history(client: Callable[..., Any]) -> None:
    url = client("deliver", run_id="one")["url"]
    told = client("read_one", path="standin/bias/one")
    assert told["history"][0].items() >= sample("one")["row"].items()
    assert told["scanned"] == told["history"]
    assert (told["url"], told["last_step"]) == (url, 0)


def test_nan_in_a_row_reads_back_as_a_string(client: Callable[..., Any]) -> None:
    client("deliver", run_id="one", row={"parity": float("nan")})
    (told,) = client("read_back", run_ids=["one"])
    assert told["summary"]["parity"] == "NaN"


def test_a_missing_project_reads_back_as_an_error(client: Callable[..., Any]) -> None:
    told = client("read_back", run_ids=["one"], project="nowhere")
    assert told == {"error": "ValueError: Could not find project nowhere"}


def test_a_wrong_key_is_refused(standin: StandInWandb, client: Callable[..., Any]) -> None:
    told = client("deliver", run_id="one", api_key="w" * 40)
    assert "returned error 401" in told["error"]
    assert standin.runs == {}


def test_a_run_that_a_user_deleted_is_never_accepted_again(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    client("deliver", run_id="one")
    standin.delete_run("one")
    told = client("deliver", run_id="one", timeout_s=1)
    assert "previously created and deleted" in told["error"]


def test_the_api_deletes_a_run(standin: StandInWandb, client: Callable[..., Any]) -> None:
    client("deliver", run_id="one")
    client("delete", path="standin/bias/one")
    assert standin.runs["one"].deleted


def test_a_lost_reply_to_the_creation_leaves_one_run(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    standin.set_faults({"kind": "upsert", "action": "drop_after", "times": 1})
    client("deliver", run_id="one")
    run = standin.runs["one"]
    assert (run.created_count, run.state) == (1, "finished")
    assert standin.requests["upsert"] + standin.requests["upsert_finish"] == run.upserts == 3


def test_a_refused_file_stream_stores_nothing_although_the_sdk_says_nothing(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    refused = {"action": "status", "status": 403}
    standin.set_faults(*(refused | {"kind": f"file_stream{end}"} for end in ("", "_complete")))
    told = client("deliver", run_id="one")
    run = standin.runs["one"]
    assert "error" not in told
    assert (run.state, run.history, run.summary) == ("running", [], {})


def test_the_sdk_sends_no_operation_that_the_stand_in_does_not_know(
    standin: StandInWandb, client: Callable[..., Any]
) -> None:
    client("deliver", run_id="one")
    client("read_back", run_ids=["one"])
    assert standin.requests["unknown"] == 0
