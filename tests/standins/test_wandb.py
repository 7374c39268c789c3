"""What the stand-in promises to the tests that lean on it."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.standins.wandb import Fault, StandInWandb, serve_wandb

UPSERT = "mutation UpsertBucket { upsertBucket { bucket { id } } }"


def upsert(standin: StandInWandb, key: str = "k", **more: str) -> httpx2.Response:
    variables = {"name": "r1", "project": "p", "config": "{}"} | more
    body = {"query": UPSERT, "variables": variables}
    return httpx2.post(f"{standin.base_url}/graphql", json=body, auth=("api", key))


def stream(standin: StandInWandb, offset: int, *lines: str, **more: Any) -> httpx2.Response:
    files = {"wandb-history.jsonl": {"offset": offset, "content": list(lines)}}
    url = f"{standin.base_url}/files/standin/p/r1/file_stream"
    return httpx2.post(url, json={"files": files, **more}, auth=("api", "k"))


def test_a_line_sent_again_to_its_offset_is_one_line() -> None:
    with serve_wandb() as standin:
        upsert(standin)
        for _ in range(2):
            stream(standin, 0, json.dumps({"accuracy": 1}))
        assert standin.runs["r1"].history == [{"accuracy": 1}]


def test_an_unknown_key_is_refused() -> None:
    with serve_wandb(api_keys={"known"}) as standin:
        assert upsert(standin, key="unknown").status_code == 401


def test_a_deleted_run_cannot_be_made_again() -> None:
    with serve_wandb() as standin:
        upsert(standin)
        httpx2.delete(f"{standin.base_url}/standin/runs/r1")
        assert upsert(standin).status_code == 409


def test_a_refused_stream_stores_nothing() -> None:
    with serve_wandb() as standin:
        upsert(standin)
        standin.faults.replace([Fault("file_stream", "status", status=403)])
        stream(standin, 0, "{}")
        assert standin.runs["r1"].history == []


def test_a_lost_reply_has_done_its_work() -> None:
    with serve_wandb() as standin:
        standin.faults.replace([Fault("upsert", "drop_after")])
        with pytest.raises(httpx2.RemoteProtocolError):
            upsert(standin)
        assert list(standin.runs) == ["r1"]


def test_a_stopped_service_refuses_connections_and_keeps_its_runs() -> None:
    with serve_wandb() as standin:
        upsert(standin)
        standin.stop()
        with pytest.raises(httpx2.ConnectError):
            upsert(standin)
        standin.start()
        assert (upsert(standin).status_code, len(standin.runs)) == (200, 1)


@pytest.mark.parametrize(
    ("rule", "struck"),
    [("file_stream", 2), ("file_stream_complete", 1), ("upsert", 2), ("upsert_finish", 1)],
)
def test_a_rule_for_a_kind_strikes_its_special_cases_too(rule: str, struck: int) -> None:
    with serve_wandb() as standin:
        standin.faults.replace([Fault(rule, "status")])
        upsert(standin, displayName="a run")
        upsert(standin)
        stream(standin, 0)
        stream(standin, 0, complete=True, exitcode=0)
        assert standin.faults.struck == struck


def test_special_cases_are_counted_as_their_kind() -> None:
    with serve_wandb() as standin:
        upsert(standin, displayName="a run")
        upsert(standin)
        stream(standin, 0, complete=True, exitcode=0)
        assert standin.store.requests == {"upsert": 2, "file_stream": 1}
