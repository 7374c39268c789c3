"""Listing deliveries by filter and page, and one test's results with their attempts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.outbox import deletion
from fairmind_sync.providers.base import Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import FakeProvider
from tests.api.test_endpoints import BASE
from tests.support.clock import NOW, Clock
from tests.support.deliveries import dead, delivered, save

pytestmark = pytest.mark.mostly_sqlite

LATER = NOW + timedelta(hours=1)
DIED_OF = "it is too large"


def ids(client: TestClient, **wanted: Any) -> list[int]:
    return [run["id"] for run in client.get(f"{BASE}/runs", params=wanted).json()["runs"]]


def pages(client: TestClient, **wanted: Any) -> list[list[int]]:
    """The ids on each page, from the first one to the one that has no cursor, or the tenth."""
    found: list[list[int]] = []
    cursor: dict[str, int] = {}
    for _ in range(10):
        page = client.get(f"{BASE}/runs", params=wanted | cursor).json()
        found.append([run["id"] for run in page["runs"]])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    return found


def results(client: TestClient, test_id: str, **wanted: str) -> list[dict[str, Any]]:
    reply = client.get(f"{BASE}/results/{quote(test_id)}", params=wanted)
    found: list[dict[str, Any]] = reply.json()["results"]
    return found


@pytest.fixture
def stocked(client: TestClient, engine: Engine) -> TestClient:
    """1 is delivered, 2 is dead, both to MLflow; 3 and 4 are another test's, pending, saved later."""
    delivered(engine)
    dead(engine, DIED_OF)
    save(engine, "wandb", "mlflow", test_id="wanted", model_id="model-2", now=LATER)
    return client


def test_runs_of_the_newest_result_are_listed_first(stocked: TestClient) -> None:
    assert ids(stocked) == [3, 4, 2, 1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"test_id": "wanted"}, [3, 4]),
        ({"test_id": "want"}, []),
        ({"model_id": "model-2"}, [3, 4]),
        ({"provider": "wandb"}, [3]),
        ({"status": "pending"}, [3, 4]),
        ({"status": "delivered"}, [1]),
        ({"status": "dead"}, [2]),
        ({"status": "discarded"}, []),
        ({"since": LATER.isoformat()}, [3, 4]),
        ({"since": (LATER + timedelta(seconds=1)).isoformat()}, []),
        ({"since": "2026-03-04T08:06:07+02:00"}, [3, 4]),
        ({"search": "WANT"}, [3, 4]),
        ({"search": "odel-2"}, [3, 4]),
        ({"cause": DIED_OF}, [2]),
        ({"cause": DIED_OF[:-1]}, []),
        ({"error_kind": "rejected"}, [2]),
        ({"provider": "mlflow", "status": "pending"}, [4]),
        ({"cursor": 4}, [2, 1]),
    ],
)
def test_a_filter_lets_only_its_own_through(
    stocked: TestClient, wanted: dict[str, Any], found: list[int]
) -> None:
    assert ids(stocked, **wanted) == found


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
def test_the_pages_reach_every_delivery_once(
    client: TestClient, engine: Engine, limit: int
) -> None:
    for _ in range(6):
        save(engine, "mlflow")
    reached = [number for page in pages(client, limit=limit) for number in page]
    assert reached == [6, 5, 4, 3, 2, 1]


def test_a_full_last_page_is_followed_by_none(client: TestClient, engine: Engine) -> None:
    for _ in range(4):
        save(engine, "mlflow")
    assert pages(client, limit=2) == [[4, 3], [2, 1]]


def test_pages_keep_to_the_filter(client: TestClient, engine: Engine) -> None:
    for _ in range(3):
        save(engine, "wandb", "mlflow")
    assert pages(client, limit=2, provider="wandb") == [[5, 3], [1]]


def test_what_is_saved_meanwhile_moves_no_page(client: TestClient, engine: Engine) -> None:
    for _ in range(4):
        save(engine, "mlflow")
    first = client.get(f"{BASE}/runs", params={"limit": 2}).json()
    save(engine, "mlflow")
    assert ids(client, limit=2, cursor=first["next_cursor"]) == [2, 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("provider", "neptune"),
        ("status", "running"),
        ("cursor", "0"),
        ("cursor", "next"),
        ("cursor", str(2**63)),
        ("limit", "0"),
        ("limit", "501"),
        ("since", "yesterday"),
        ("since", "2026-01-31T00:00:00"),
        ("since", "0001-01-01T00:00:00+14:00"),
        ("since", "9999-12-31T23:59:59-12:00"),
        ("test_id", "x" * 501),
    ],
)
def test_a_wrong_filter_is_refused_by_its_name(client: TestClient, name: str, value: str) -> None:
    reply = client.get(f"{BASE}/runs", params={name: value})
    assert (reply.status_code, reply.json()["detail"].split(":")[0]) == (422, name)


def test_a_result_is_told_as_it_was_saved(client: TestClient, engine: Engine) -> None:
    save(
        engine,
        "mlflow",
        test_id="wanted",
        results={"overall_risk": "low", "metrics_passed": 3, "summary": "fair"},
        metadata={"by": "me"},
    )
    (found,) = results(client, "wanted")
    del found["deliveries"]
    assert found == {
        "id": "wanted",
        "revision": 1,
        "user_id": "user-1",
        "model_id": "model-1",
        "dataset_id": "dataset-1",
        "test_type": "ml_bias",
        "timestamp": "2026-03-04T05:06:07Z",
        "overall_risk": "low",
        "metrics_passed": 3,
        "metrics_failed": 0,
        "summary": "fair",
        "recommendations": [],
        "results": {"overall_risk": "low", "metrics_passed": 3, "summary": "fair"},
        "metadata": {"by": "me"},
    }


def test_a_result_comes_with_its_deliveries(stocked: TestClient) -> None:
    (found,) = results(stocked, "wanted")
    assert [(one["id"], one["provider"]) for one in found["deliveries"]] == [
        (3, "wandb"),
        (4, "mlflow"),
    ]


def test_a_delivery_comes_with_each_attempt_oldest_first(
    client: TestClient, engine: Engine
) -> None:
    clock = Clock()
    save(engine, "mlflow", test_id="wanted")
    provider = FakeProvider(script=[Retry(ErrorKind.UNCERTAIN, "500")])
    relay = Relay(engine, provider, max_attempts=3, clock=clock)
    relay.drain()
    clock.advance(timedelta(days=1))
    relay.drain()
    log = results(client, "wanted")[0]["deliveries"][0]["attempt_log"]
    assert [(one["outcome"], one["error_kind"], one["error"]) for one in log] == [
        ("retry", "uncertain", "500"),
        ("delivered", None, None),
    ]


def test_revisions_are_told_newest_first(client: TestClient, engine: Engine) -> None:
    for accuracy in (0.7, 0.8, 0.9):
        save(engine, "mlflow", test_id="wanted", results={"accuracy": accuracy})
    found = results(client, "wanted")
    assert [(one["revision"], one["results"]["accuracy"]) for one in found] == [
        (3, 0.9),
        (2, 0.8),
        (1, 0.7),
    ]


@pytest.mark.parametrize(
    ("wanted", "users"),
    [({"user_id": "ann"}, ["ann"]), ({"user_id": ""}, [None]), ({}, [None, "bob", "ann"])],
)
def test_a_user_finds_only_their_own_result(
    client: TestClient, engine: Engine, wanted: dict[str, str], users: list[str | None]
) -> None:
    for user_id in ("ann", "bob", None):
        save(engine, "mlflow", test_id="shared", user_id=user_id)
    assert [found["user_id"] for found in results(client, "shared", **wanted)] == users


def test_another_users_result_is_not_found(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", test_id="wanted", user_id="ann")
    assert client.get(f"{BASE}/results/wanted", params={"user_id": "bob"}).status_code == 404


def test_a_deleted_result_is_not_found(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", test_id="wanted", user_id="ann")
    with writing(engine) as connection:
        deletion.delete(connection, "wanted", "ann", NOW)
    assert client.get(f"{BASE}/results/wanted").status_code == 404


@pytest.mark.parametrize("test_id", ["a/b", "a b", "ä?#%", "../up"])
def test_a_test_is_found_whatever_characters_its_id_has(
    client: TestClient, engine: Engine, test_id: str
) -> None:
    save(engine, "mlflow", test_id=test_id)
    reply = client.get(f"{BASE}/results/{quote(test_id, safe='')}")
    assert [found["id"] for found in reply.json()["results"]] == [test_id]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_is_told_as_null(
    client: TestClient, engine: Engine, number: float
) -> None:
    save(engine, "mlflow", test_id="wanted", results={"odd": number})
    assert results(client, "wanted")[0]["results"] == {"odd": None}


@pytest.mark.parametrize("odd", [{"value": "\ud800"}, {"\ud800": "key"}, {"summary": "\ud800"}])
def test_half_a_surrogate_pair_keeps_nobody_from_reading_a_result(
    client: TestClient, engine: Engine, odd: dict[str, str]
) -> None:
    save(engine, "mlflow", test_id="wanted", results=odd)
    assert len(results(client, "wanted")[0]["results"]) == 1
