"""Saved results as FairMind's own service gives them, through the calls that a backend makes."""

from __future__ import annotations

import asyncio
import inspect
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from fairmind_sync import bias_test_results as service
from fairmind_sync.clock import utc_now
from fairmind_sync.errors import FairmindSyncError
from fairmind_sync.outbox import outcomes, result_lookup
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.relay.loop import Relay
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.testing import FakeProvider
from tests.support import backend_calls
from tests.support.backend_calls import get, listed, save
from tests.support.clock import NOW
from tests.support.deliveries import claim

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)
RESULTS = {
    "accuracy": 0.85,
    "overall_risk": "high",
    "metrics_passed": 3,
    "metrics_failed": 1,
    "summary": "one metric failed",
    "recommendations": ["weigh the groups"],
}
WHOLE = {
    "id": "t",
    "user_id": "user-1",
    "model_id": "model-1",
    "dataset_id": "dataset-1",
    "test_type": "ml_bias",
    "timestamp": NOW.isoformat(),
    "created_at": NOW.isoformat(),
    "overall_risk": "high",
    "metrics_passed": 3,
    "metrics_failed": 1,
    "results": RESULTS,
    "summary": "one metric failed",
    "recommendations": ["weigh the groups"],
    "metadata": {"model_type": "classification"},
}
PAYLOAD = ("results", "recommendations", "metadata")
PARAMETERS = {
    "save_test_result": (
        *("test_id", "user_id", "model_id", "dataset_id", "test_type", "results", "metadata"),
    ),
    "get_test_result": ("test_id", "user_id"),
    "list_test_results": ("user_id", "model_id", "test_type", "limit", "offset"),
    "delete_test_result": ("test_id", "user_id"),
    "get_test_statistics": ("user_id", "model_id"),
}


@pytest.fixture(autouse=True)
def _backend(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend_calls.enter(monkeypatch, database_url)


def deliver(engine: Engine, provider: ProviderName) -> str:
    """The id of the only run."""
    fake = FakeProvider(provider)
    Relay(engine, fake, max_attempts=1).drain()
    (key,) = fake.runs
    return f"run-{key}"


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_call_takes_what_fairminds_takes(name: str) -> None:
    """In FairMind's order; what ours takes besides is named."""
    taken = inspect.signature(getattr(service, name)).parameters
    ours = {one for one, how in taken.items() if how.kind is how.KEYWORD_ONLY}
    assert tuple(one for one in taken if one not in ours) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_call_is_awaited_and_its_twin_is_not(name: str) -> None:
    twins = getattr(service, name), getattr(service, f"{name}_sync")
    assert [inspect.iscoroutinefunction(twin) for twin in twins] == [True, False]


@pytest.mark.parametrize("name", PARAMETERS)
def test_twins_have_one_signature(name: str) -> None:
    call, twin = getattr(service, name), getattr(service, f"{name}_sync")
    assert inspect.signature(call) == inspect.signature(twin)


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_event_loop_goes_on_during_a_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setattr(
        service, f"{name}_sync", lambda *_, **_named: threads.append(threading.current_thread())
    )
    asyncio.run(getattr(service, name)(*PARAMETERS[name]))
    assert threads != [threading.current_thread()]


def test_a_result_is_given_as_fairmind_gives_it() -> None:
    save(results=RESULTS, created_at=NOW)
    assert asyncio.run(service.get_test_result("t", "user-1")) == WHOLE


def test_a_list_leaves_out_results_recommendations_and_metadata() -> None:
    save(results=RESULTS, created_at=NOW)
    assert asyncio.run(service.list_test_results("user-1")) == [
        {name: value for name, value in WHOLE.items() if name not in PAYLOAD}
    ]


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("overall_risk", None),
        ("metrics_passed", 0),
        ("metrics_failed", 0),
        ("summary", ""),
        ("recommendations", []),
    ],
)
def test_what_a_result_does_not_say_has_a_default(name: str, default: object) -> None:
    save(results={"accuracy": 0.85})
    assert get()[name] == default


def test_a_dataset_that_was_not_named_is_none() -> None:
    save(dataset_id=None)
    assert get()["dataset_id"] is None


def test_an_unknown_test_is_none() -> None:
    assert asyncio.run(service.get_test_result("t", "user-1")) is None


def test_a_test_id_that_is_no_unicode_text_is_an_error_of_ours() -> None:
    with pytest.raises(FairmindSyncError):
        service.get_test_result_sync("\ud800", "user-1")


def test_a_result_that_waits_names_no_run() -> None:
    save()
    assert get()["metadata"] == {"model_type": "classification"}


@pytest.mark.parametrize("provider", ["wandb", "mlflow"])
def test_a_delivered_result_names_its_run(engine: Engine, provider: ProviderName) -> None:
    save()
    run_id = deliver(engine, provider)
    assert get()["metadata"] == {"model_type": "classification", f"{provider}_run_id": run_id}


def test_a_run_that_is_not_confirmed_is_not_named(engine: Engine) -> None:
    save()
    (delivery,) = claim(engine, now=utc_now())
    with writing(engine) as connection:
        outcomes.note_created(connection, delivery, "run-1")
    assert "mlflow_run_id" not in get()["metadata"]


def test_a_run_on_record_counts_more_than_one_that_the_result_claims(engine: Engine) -> None:
    save(metadata={"mlflow_run_id": "claimed"})
    run_id = deliver(engine, "mlflow")
    assert get()["metadata"]["mlflow_run_id"] == run_id


def test_of_a_test_its_newest_revision_is_given() -> None:
    save(results={"accuracy": 0.1})
    save(results={"accuracy": 0.2})
    assert get()["results"] == {"accuracy": 0.2}


def test_the_newest_revision_names_its_own_run(engine: Engine) -> None:
    save(results={"accuracy": 0.1})
    deliver(engine, "mlflow")
    save(results={"accuracy": 0.2})
    assert "mlflow_run_id" not in get()["metadata"]


def test_of_a_test_its_newest_revision_is_listed_once() -> None:
    save(results={"summary": "old"})
    save(results={"summary": "new"})
    assert [one["summary"] for one in service.list_test_results_sync("user-1")] == ["new"]


def test_an_older_revision_is_not_found_by_its_model() -> None:
    save(model_id="old")
    save(model_id="new")
    assert listed(model_id="old") == []


def test_results_are_listed_newest_first() -> None:
    for test_id, minutes in (("b", 1), ("c", 2), ("a", 0)):
        save(test_id, created_at=NOW + minutes * MINUTE)
    assert listed() == ["c", "b", "a"]


def test_results_of_one_moment_are_listed_last_saved_first() -> None:
    for test_id in ("b", "c", "a"):
        save(test_id, created_at=NOW)
    assert listed() == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ({"limit": 2}, ["t4", "t3"]),
        ({"limit": 2, "offset": 2}, ["t2", "t1"]),
        ({"limit": 2, "offset": 4}, ["t0"]),
        ({"offset": 9}, []),
        ({"limit": 0}, []),
        ({"limit": -1}, []),
        ({"limit": 1, "offset": -1}, ["t4"]),
    ],
)
def test_a_list_is_read_in_pages(page: dict[str, Any], expected: list[str]) -> None:
    for number in range(5):
        save(f"t{number}", created_at=NOW + number * MINUTE)
    assert listed(**page) == expected


def test_a_list_holds_fifty_by_default() -> None:
    for number in range(51):
        save(f"t{number}")
    assert len(listed()) == 50


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"model_id": "m2"}, ["three", "two"]),
        ({"test_type": "llm_bias"}, ["two"]),
        ({"model_id": "m1", "test_type": "llm_bias"}, []),
        ({"model_id": None, "test_type": None}, ["three", "two", "one"]),
        ({"model_id": ""}, ["three", "two", "one"]),
    ],
)
def test_a_list_holds_what_is_wanted(wanted: dict[str, Any], expected: list[str]) -> None:
    save("one", model_id="m1", created_at=NOW)
    save("two", model_id="m2", test_type="llm_bias", created_at=NOW)
    save("three", model_id="m2", created_at=NOW)
    assert listed(**wanted) == expected


def trend(engine: Engine, limit: int = 9) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        return [
            (one.user_id, one.test_id) for one in result_lookup.trend(connection, "model-1", limit)
        ]


def test_a_models_trend_is_of_all_users_oldest_first(engine: Engine) -> None:
    save("b", user_id="bob", created_at=NOW + MINUTE)
    save("a", user_id="alice", created_at=NOW)
    assert trend(engine) == [("alice", "a"), ("bob", "b")]


def test_a_models_trend_is_of_its_newest_results(engine: Engine) -> None:
    for number in range(3):
        save(f"t{number}", created_at=NOW + number * MINUTE)
    assert trend(engine, limit=2) == [("user-1", "t1"), ("user-1", "t2")]


def test_a_models_trend_leaves_other_models_out(engine: Engine) -> None:
    save(model_id="other")
    assert trend(engine) == []


def test_a_models_trend_leaves_older_revisions_out(engine: Engine) -> None:
    save(results={"accuracy": 0.1})
    save(results={"accuracy": 0.2})
    assert trend(engine) == [("user-1", "t")]


@pytest.mark.parametrize(
    "narrow", [{"dataset_id": "d2"}, {"test_type": "llm_bias"}, {"user_id": "bob"}]
)
def test_a_models_trend_is_of_one_data_set_type_or_user(
    engine: Engine, narrow: dict[str, Any]
) -> None:
    save("one")
    save("two", **narrow)
    with reading(engine) as connection:
        found = result_lookup.trend(connection, "model-1", 9, **narrow)
    assert [one.test_id for one in found] == ["two"]


def test_a_models_trend_leaves_deleted_results_out(engine: Engine) -> None:
    save()
    service.delete_test_result_sync("t", "user-1")
    assert trend(engine) == []
