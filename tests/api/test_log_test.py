"""POST log-test: repeated requests, what is refused, and what is left out before it is stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import NoReturn

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.api import create_app, request_limits
from fairmind_sync.api.schemas import MOST_VALUES
from fairmind_sync.clock import utc_now
from fairmind_sync.intake.wait import DeliveryWait
from fairmind_sync.operating import actions
from fairmind_sync.outbox import deletion, heartbeat, idempotency
from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.providers.base import Dead
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from fairmind_sync.testing import FakeProvider
from tests.api.test_endpoints import BASE, body, client_of
from tests.support.databases import rows
from tests.support.processes import eventually

pytestmark = pytest.mark.mostly_sqlite

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
URL = f"{BASE}/log-test"
JSON = {"Content-Type": "application/json"}


def test_a_request_may_say_when_the_result_was_tested(configured: Settings, engine: Engine) -> None:
    client = client_of(configured)
    for timestamp in ("2026-10-31T12:00:00Z", "once"):
        answer = client.post(URL, json=body(timestamp=timestamp))
    (saved,) = rows(engine, results_table)
    assert (saved.created_at.isoformat(), answer.status_code) == ("2026-10-31T12:00:00+00:00", 422)


def with_backlog(configured: Settings, most: int) -> TestClient:
    return client_of(configured.model_copy(update={"max_backlog": most}))


def raw(results: str, **more: str) -> str:
    """A request's body whose results are this JSON text."""
    fields = {"test_id": '"t"', "model_id": '"m"', "test_type": '"x"', "wait": "0", **more}
    return "{" + ",".join(f'"{k}":{v}' for k, v in {**fields, "results": results}.items()) + "}"


def post_raw(client: TestClient, results: str) -> int:
    return client.post(URL, content=raw(results), headers=JSON).status_code


def deliver_all(engine: Engine) -> None:
    for name in PROVIDERS:
        Relay(
            engine, FakeProvider(name), max_attempts=1, clock=partial(current_time, engine)
        ).drain()


def delete_all(engine: Engine) -> None:
    with writing(engine) as connection:
        deletion.delete(connection, "test_123", "", utc_now())


def forget_keys(engine: Engine, after: timedelta) -> None:
    with writing(engine) as connection:
        idempotency.forget_keys(connection, utc_now() + after)


@pytest.fixture
def _daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is alive for as long as the test takes, and delivers nothing by itself."""
    monkeypatch.setattr(heartbeat, "any_alive", lambda *_arguments: True)


@pytest.mark.usefixtures("_daemon")
def test_a_request_waits_for_its_delivery(client: TestClient, engine: Engine) -> None:
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.post, URL, json=body(wait=60))
        eventually(lambda: rows(engine, outbox_table))
        deliver_all(engine)
    assert (reply.result().status_code, reply.result().json()["status"]) == (200, "delivered")


@pytest.mark.usefixtures("_daemon")
def test_where_too_many_wait_who_waits_longest_is_answered_at_once(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "MOST_WAITING", 1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, URL, json=body(wait=60, test_id="first"))
        eventually(lambda: rows(engine, outbox_table))
        second = pool.submit(client.post, URL, json=body(wait=60, test_id="second"))
        assert (first.result().status_code, second.done()) == (202, False)
        deliver_all(engine)
    assert second.result().status_code == 200


@pytest.mark.usefixtures("_daemon")
def test_a_provider_that_is_away_is_not_waited_for(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_wait: object) -> NoReturn:
        raise AssertionError("it waits")

    for name in PROVIDERS:
        actions.pause(engine, name)
    monkeypatch.setattr(DeliveryWait, "pause_s", property(refuse))
    assert client.post(URL, json=body(wait=60)).status_code == 202


def test_a_dead_delivery_is_answered_with_its_error(configured: Settings, engine: Engine) -> None:
    client = client_of(configured.model_copy(update={"provider": "mlflow"}))
    client.post(URL, json=body())
    refusing = FakeProvider(script=[Dead(ErrorKind.REJECTED, "it is too large")])
    Relay(engine, refusing, max_attempts=1, clock=partial(current_time, engine)).drain()
    reply = client.post(URL, json=body()).json()
    assert (reply["success"], reply["status"], reply["logging_status"]["mlflow"]["error"]) == (
        False,
        "failed",
        "it is too large",
    )


def test_a_request_repeated_under_its_key_is_answered_alike(client: TestClient) -> None:
    first, second = (client.post(URL, json=body(), headers=KEY).json() for _ in range(2))
    assert first == second


def test_a_request_repeated_under_its_key_brings_no_deleted_result_back(
    client: TestClient, engine: Engine
) -> None:
    client.post(URL, json=body(), headers=KEY)
    delete_all(engine)
    client.post(URL, json=body(), headers=KEY)
    assert len(rows(engine, results_table)) == 1


def test_a_request_repeated_for_another_provider_waits_for_that_one(configured: Settings) -> None:
    for provider in ("wandb", "mlflow"):
        client = client_of(configured.model_copy(update={"provider": provider}))
        reply = client.post(URL, json=body(), headers=KEY)
    assert (reply.status_code, reply.json()["status"]) == (202, "pending")


def test_a_key_cannot_stand_for_another_request(client: TestClient, engine: Engine) -> None:
    client.post(URL, json=body(), headers=KEY)
    reply = client.post(URL, json=body(results={"accuracy": 0.9}), headers=KEY)
    assert (reply.status_code, len(rows(engine, results_table))) == (422, 1)


@pytest.mark.parametrize(("after", "status"), [(23, 422), (25, 202)])
def test_a_key_is_forgotten_after_a_day(
    client: TestClient, engine: Engine, after: int, status: int
) -> None:
    client.post(URL, json=body(), headers=KEY)
    forget_keys(engine, timedelta(hours=after))
    reply = client.post(URL, json=body(results={"accuracy": 0.9}), headers=KEY)
    assert reply.status_code == status


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_empty_or_endless_key_is_refused(client: TestClient, key: str) -> None:
    reply = client.post(URL, json=body(), headers={"Idempotency-Key": key})
    assert reply.status_code == 422


def test_a_full_backlog_takes_no_more(configured: Settings, engine: Engine) -> None:
    client = with_backlog(configured, 2)
    replies = [client.post(URL, json=body(test_id=name)) for name in ("first", "second")]
    assert [reply.status_code for reply in replies] == [202, 429]


def test_a_full_backlog_saves_nothing(configured: Settings, engine: Engine) -> None:
    client = with_backlog(configured, 2)
    for name in ("first", "second"):
        client.post(URL, json=body(test_id=name))
    assert [row.test_id for row in rows(engine, results_table)] == ["first"]


def test_a_full_backlog_says_when_to_come_again(configured: Settings) -> None:
    client = with_backlog(configured, 1)
    client.post(URL, json=body(test_id="first"))
    reply = client.post(URL, json=body(test_id="second"))
    assert int(reply.headers["Retry-After"]) > 0


def test_what_is_delivered_makes_room_in_the_backlog(configured: Settings, engine: Engine) -> None:
    client = with_backlog(configured, 2)
    client.post(URL, json=body(test_id="first"))
    deliver_all(engine)
    assert client.post(URL, json=body(test_id="second")).status_code == 202


def test_a_backlog_without_a_limit_is_never_full(configured: Settings) -> None:
    client = with_backlog(configured, 0)
    replies = [client.post(URL, json=body(test_id=name)) for name in ("first", "second", "third")]
    assert [reply.status_code for reply in replies] == [202] * 3


@pytest.mark.parametrize("depth", [64, 900, 100_000])
def test_what_is_nested_too_deeply_is_the_clients_mistake(client: TestClient, depth: int) -> None:
    assert post_raw(client, '{"a":' + "[" * depth + "]" * depth + "}") in {400, 422}


def test_what_is_nested_as_deeply_as_allowed_is_taken(client: TestClient) -> None:
    assert post_raw(client, '{"a":' + "[" * 63 + "]" * 63 + "}") == 202


@pytest.mark.parametrize("field", ["results", "metadata"])
@pytest.mark.parametrize(("more", "status"), [(0, 202), (1, 422)])
def test_values_are_counted_at_all_depths(
    client: TestClient, field: str, more: int, status: int
) -> None:
    half = MOST_VALUES // 2 - 2
    many = {"a": [0] * half, "b": {"c": [0] * (half + more)}, "d": 0}
    assert client.post(URL, json=body(**{field: many})).status_code == status


def test_numbers_that_json_lacks_are_stored_as_they_are(client: TestClient, engine: Engine) -> None:
    post_raw(client, '{"a":NaN,"b":-Infinity}')
    assert rows(engine, results_table)[0].results == '{"a":NaN,"b":-Infinity}'


@pytest.mark.parametrize("wait", ["NaN", "Infinity", "-1", "60.1", '"1"', "true"])
def test_a_wait_is_a_number_of_seconds_up_to_a_minute(client: TestClient, wait: str) -> None:
    reply = client.post(URL, content=raw("{}", wait=wait), headers=JSON)
    assert reply.status_code == 422


def test_half_a_surrogate_pair_is_stored(client: TestClient) -> None:
    assert post_raw(client, r'{"overall_risk":"\ud800","\udfff":"\ud800"}') == 202


def test_half_a_surrogate_pair_in_the_path_of_a_wrong_value_is_told(configured: Settings) -> None:
    client = TestClient(
        create_app(configured),
        base_url="http://localhost",
        raise_server_exceptions=False,  # their text could not be shown
    )
    assert post_raw(client, r'{"\ud800":' + "9" * 4000 + "}") == 422


@pytest.mark.parametrize("field", ["results", "metadata"])
def test_private_fields_are_not_stored(configured: Settings, engine: Engine, field: str) -> None:
    client = client_of(configured.model_copy(update={"redact": ("**.ssn",)}))
    client.post(URL, json=body(**{field: {"n": 1, "person": {"ssn": "123-45", "age": 7}}}))
    stored = rows(engine, results_table)[0]._mapping
    assert stored[field] == '{"n":1,"person":{"age":7}}'
