"""What an operator does to deliveries and providers over the REST API."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import provider_state
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.relay.loop import Relay
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import FakeProvider
from tests.api.test_endpoints import BASE
from tests.support.databases import rows
from tests.support.deliveries import claimed, dead, delivered, save

pytestmark = pytest.mark.mostly_sqlite

WHY = "the model was withdrawn"


def post(client: TestClient, path: str, **body: Any) -> tuple[int, Any]:
    reply = client.post(f"{BASE}/{path}", json=body)
    return reply.status_code, reply.json()


def discard(client: TestClient, number: int = 1) -> tuple[int, Any]:
    return post(client, f"deliveries/{number}/discard", reason=WHY)


def statuses(engine: Engine) -> list[str]:
    return [row.status for row in rows(engine, outbox_table)]


def drain(engine: Engine, name: ProviderName = "mlflow") -> FakeProvider:
    provider = FakeProvider(name)
    Relay(engine, provider, max_attempts=3).drain()
    return provider


def take_offline(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_offline(
            connection,
            "mlflow",
            "no route to it",
            after=timedelta(hours=1),
            chance=Random(1),
            now=utc_now(),
        )


def test_a_dead_delivery_is_pending_again_after_a_retry(client: TestClient, engine: Engine) -> None:
    dead(engine)
    post(client, "deliveries/1/retry")
    assert statuses(engine) == ["pending"]


def test_a_retried_delivery_has_all_its_attempts_again(client: TestClient, engine: Engine) -> None:
    dead(engine)
    assert post(client, "deliveries/1/retry")[1]["delivery"]["attempts"] == 0


def test_a_retried_delivery_is_delivered(client: TestClient, engine: Engine) -> None:
    dead(engine)
    post(client, "deliveries/1/retry")
    drain(engine)
    assert statuses(engine) == ["delivered"]


@pytest.mark.parametrize("path", ["deliveries/1/retry", "deliveries/1/discard"])
def test_the_answer_is_the_delivery_as_it_is_listed(
    client: TestClient, engine: Engine, path: str
) -> None:
    dead(engine)
    answer = post(client, path, reason=WHY)
    (listed,) = client.get(f"{BASE}/runs").json()["runs"]
    assert answer == (200, {"success": True, "delivery": listed})


def test_only_a_dead_delivery_can_be_retried(client: TestClient, engine: Engine) -> None:
    delivered(engine)
    save(engine, "mlflow")
    save(engine, "mlflow")
    discard(client, 3)
    assert [post(client, f"deliveries/{number}/retry")[0] for number in (1, 2, 3)] == [409] * 3


def test_a_refused_retry_leaves_the_delivery_alone(client: TestClient, engine: Engine) -> None:
    delivered(engine)
    before = rows(engine, outbox_table)
    post(client, "deliveries/1/retry")
    assert rows(engine, outbox_table) == before


@pytest.mark.parametrize("what", ["retry", "discard"])
def test_an_unknown_delivery_is_not_found(client: TestClient, what: str) -> None:
    assert post(client, f"deliveries/7/{what}", reason=WHY)[0] == 404


@pytest.mark.parametrize("what", ["retry", "discard"])
@pytest.mark.parametrize("number", ["0", "-1", "one", str(2**63)])
def test_what_is_no_id_is_refused(client: TestClient, what: str, number: str) -> None:
    assert post(client, f"deliveries/{number}/{what}", reason=WHY)[0] == 422


def test_a_dead_delivery_can_be_discarded(client: TestClient, engine: Engine) -> None:
    dead(engine)
    discard(client)
    assert statuses(engine) == ["discarded"]


def test_a_pending_delivery_can_be_discarded(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow")
    discard(client)
    assert statuses(engine) == ["discarded"]


def test_a_delivery_whose_lease_ran_out_can_be_discarded(
    client: TestClient, engine: Engine
) -> None:
    claimed(engine, now=utc_now() - timedelta(hours=1))
    discard(client)
    assert statuses(engine) == ["discarded"]


def test_a_discarded_delivery_keeps_the_reason(client: TestClient, engine: Engine) -> None:
    dead(engine)
    discard(client)
    (row,) = rows(engine, outbox_table)
    assert (row.last_error, row.last_error_kind) == (WHY, "discarded")


def test_a_discarded_delivery_is_not_sent(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", now=utc_now())
    discard(client)
    assert drain(engine).runs == {}


def test_a_delivered_delivery_cannot_be_discarded(client: TestClient, engine: Engine) -> None:
    delivered(engine)
    assert (discard(client)[0], statuses(engine)) == (409, ["delivered"])


def test_a_delivery_that_is_being_sent_cannot_be_discarded(
    client: TestClient, engine: Engine
) -> None:
    claimed(engine, now=utc_now())
    assert (discard(client)[0], statuses(engine)) == (409, ["pending"])


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "x" * 1001}, {"reason": None}, {}])
def test_a_discard_needs_a_reason(client: TestClient, engine: Engine, body: dict[str, Any]) -> None:
    dead(engine)
    assert (post(client, "deliveries/1/discard", **body)[0], statuses(engine)) == (422, ["dead"])


def test_a_paused_providers_deliveries_are_not_sent(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", now=utc_now())
    post(client, "providers/mlflow/pause")
    assert drain(engine).runs == {}


def test_the_other_provider_goes_on_during_a_pause(client: TestClient, engine: Engine) -> None:
    save(engine, "wandb", now=utc_now())
    post(client, "providers/mlflow/pause")
    assert len(drain(engine, "wandb").runs) == 1


def test_a_resumed_providers_deliveries_are_sent(client: TestClient, engine: Engine) -> None:
    save(engine, "mlflow", now=utc_now())
    post(client, "providers/mlflow/pause")
    post(client, "providers/mlflow/resume")
    assert len(drain(engine).runs) == 1


def test_a_pause_tells_how_the_provider_stands(client: TestClient) -> None:
    told = {"provider": "mlflow", "state": "ready", "paused": True, "reason": None}
    assert post(client, "providers/mlflow/pause") == (200, {"success": True} | told)


def test_a_resume_tells_how_the_provider_stands(client: TestClient) -> None:
    post(client, "providers/mlflow/pause")
    told = {"provider": "mlflow", "state": "ready", "paused": False, "reason": None}
    assert post(client, "providers/mlflow/resume") == (200, {"success": True} | told)


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_doing_it_twice_is_no_mistake(client: TestClient, what: str) -> None:
    replies = [post(client, f"providers/mlflow/{what}") for _ in range(2)]
    assert [status for status, _ in replies] == [200, 200]


def test_an_offline_provider_that_is_paused_stays_offline(
    client: TestClient, engine: Engine
) -> None:
    take_offline(engine)
    told = {"provider": "mlflow", "state": "offline", "paused": True, "reason": "no route to it"}
    assert post(client, "providers/mlflow/pause")[1] == {"success": True} | told


def test_an_offline_provider_is_tried_at_once_after_a_resume(
    client: TestClient, engine: Engine
) -> None:
    take_offline(engine)
    post(client, "providers/mlflow/resume")
    assert drain(engine).probes == 1


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_an_unknown_provider_is_refused(client: TestClient, what: str) -> None:
    assert post(client, f"providers/neptune/{what}")[0] == 422
