"""The API keeps what its OpenAPI document promises, whatever the document allows to be sent."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from sqlalchemy import Engine

from fairmind_sync.api import create_app
from fairmind_sync.clock import utc_now
from fairmind_sync.outbox import idempotency
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from tests.api.test_endpoints import BASE, client_of
from tests.support.deliveries import RUN, dead, delivered, save

if TYPE_CHECKING:
    import schemathesis

MOSTLY_A_FILE = pytest.mark.parametrize(
    "database_url",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.nightly)],
    indirect=True,
)
UNUSED = Settings(provider="both", database_url="sqlite:///unused")
DOCUMENT: dict[str, Any] = create_app(UNUSED).openapi()
OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    (method, path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
TOKEN = SecretStr("a token of the test's own")
REFUSES_WHAT_NO_SCHEMA_CAN_SAY = f"POST {BASE}/log-test"
"""An id of blanks or with a null character, deep nesting."""


@cache
def schema() -> schemathesis.BaseSchema:
    """Made by the first test that needs it: every process of a run imports this file."""
    import schemathesis

    return schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture
def app(configured: Settings, engine: Engine) -> FastAPI:
    """A running daemon; 1 is delivered, 2 is dead, 3 and 4 are pending, 5 is discarded."""
    delivered(engine)
    dead(engine)
    save(engine, "wandb", "mlflow")
    save(engine, "wandb", test_id="wanted")
    with writing(engine) as connection:
        Heartbeat().start(connection, utc_now())
    client_of(configured).post(f"{BASE}/deliveries/5/discard", json={"reason": "why"})
    return create_app(configured.model_copy(update={"api_allowed_hosts": ("testserver",)}))


def without_waiting(case: schemathesis.Case[Any]) -> None:
    """Nobody delivers here: a request that would wait doesn't."""
    if isinstance(case.body, dict):
        wait = case.body.get("wait", 10)
        if isinstance(wait, int | float) and not isinstance(wait, bool) and 0 <= wait <= 60:
            case.body["wait"] = 0


def schema_of(content: dict[str, Any]) -> dict[str, Any]:
    """The component that a JSON body refers to."""
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return found


@MOSTLY_A_FILE
@pytest.mark.parametrize("named", OPERATIONS, ids=" ".join)
def test_every_answer_is_one_that_the_document_promises(
    named: tuple[str, str], app: FastAPI, engine: Engine
) -> None:
    """To examples, to the schema's edges one after the other, and to thirty requests of Hypothesis."""
    from schemathesis.core.result import Ok
    from schemathesis.pytest.lazy import get_all_tests

    method, path = named
    (made,) = get_all_tests(
        schema=schema().include(method=method, path=path),
        test_func=is_answered_as_promised,
        settings=settings(
            max_examples=30,
            derandomize=True,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        ),
        given_kwargs=None,
    )
    assert isinstance(made, Ok)
    _operation, is_tried = made.ok()
    is_tried(app=app, engine=engine)


def is_answered_as_promised(case: schemathesis.Case[Any], app: FastAPI, engine: Engine) -> None:
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    without_waiting(case)
    with writing(engine) as connection:  # the next request brings the same key with another body
        idempotency.forget_keys(connection, utc_now() + 2 * idempotency.KEYS_LIVE)
    is_left_out = case.operation.label == REFUSES_WHAT_NO_SCHEMA_CAN_SAY
    case.call_and_validate(app=app, excluded_checks=[positive_data_acceptance] * is_left_out)


@pytest.mark.mostly_sqlite
@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", "/results/{test_id}", {"test_id": "wanted"}),
        ("GET", "/run-url/{provider}/{run_id}", {"provider": "mlflow", "run_id": RUN.id}),
        ("POST", "/deliveries/{delivery_id}/retry", {"delivery_id": 2}),
    ],
)
def test_what_is_there_is_answered_as_the_document_promises(
    app: FastAPI, method: str, path: str, known: dict[str, Any]
) -> None:
    case = schema()[BASE + path][method].Case(path_parameters=known)
    assert case.call_and_validate(app=app).status_code == 200


@pytest.mark.parametrize("named", OPERATIONS, ids=" ".join)
def test_every_operation_says_what_it_does_in_a_sentence(named: tuple[str, str]) -> None:
    operation = OPERATIONS[named]
    assert operation["summary"].endswith(".")
    assert " ".join(operation["description"].split()).startswith(operation["summary"])


@pytest.mark.parametrize("operation", [one for one in OPERATIONS.values() if "requestBody" in one])
def test_every_request_body_has_an_example(operation: dict[str, Any]) -> None:
    assert schema_of(operation["requestBody"]["content"])["examples"]


@pytest.mark.parametrize("status", ["200", "202"])
def test_log_tests_answers_have_an_example(status: str) -> None:
    answers = OPERATIONS["post", f"{BASE}/log-test"]["responses"]
    assert schema_of(answers[status]["content"])["examples"]


def test_the_document_tells_which_operations_need_the_token(configured: Settings) -> None:
    client = client_of(configured.model_copy(update={"api_token": TOKEN}))
    bearer = {"Authorization": f"Bearer {TOKEN.get_secret_value()}"}
    paths = client.get("/openapi.json", headers=bearer).json()["paths"]
    told = {one for one in OPERATIONS if "401" in paths[one[1]][one[0]]["responses"]}
    assert told == {one for one in OPERATIONS if client.request(*one).status_code == 401}
