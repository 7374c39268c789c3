"""Whoever saves by the REST API may send its trace context: the save is linked to the caller's span."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan
from sqlalchemy import Engine

from fairmind_sync import tracing
from fairmind_sync.settings import Settings
from tests.api.test_endpoints import BASE, client_of
from tests.standins.otlp import Collector
from tests.tracing.test_spans import CALLER, named

BODY = {
    "test_id": "t",
    "user_id": "u",
    "model_id": "m",
    "test_type": "ml_bias",
    "results": {"accuracy": 0.5},
    "wait": 0,
}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def client(engine: Engine) -> TestClient:
    url = engine.url.render_as_string(hide_password=False)
    return client_of(Settings(provider="mlflow", database_url=url))


def links(collector: Collector, client: TestClient, **headers: str) -> list[tuple[str, str]]:
    reply = client.post(f"{BASE}/log-test", json=BODY, headers=headers)
    assert reply.status_code == 202
    return named(collector, "save mlflow").links


def test_a_save_is_linked_to_the_span_that_its_header_names(
    traced: Collector, client: TestClient
) -> None:
    assert links(traced, client, traceparent=f"00-{TRACE}-{SPAN}-01") == [(TRACE, SPAN)]


@pytest.mark.parametrize(
    "given",
    [
        *("", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01"),
        *(f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", "x" * 9999),
    ],
)
def test_a_header_that_names_no_span_is_ignored(
    traced: Collector, client: TestClient, given: str
) -> None:
    assert links(traced, client, traceparent=given) == []


def test_a_backends_own_span_goes_before_the_header(traced: Collector) -> None:
    with (
        trace.use_span(NonRecordingSpan(CALLER)),
        tracing.current().called_by(f"00-{TRACE}-{SPAN}-01"),
    ):
        assert trace.get_current_span().get_span_context() == CALLER


def test_the_callers_context_ends_with_its_request(traced: Collector) -> None:
    with tracing.current().called_by(f"00-{TRACE}-{SPAN}-01"):
        pass
    assert not trace.get_current_span().get_span_context().is_valid


def test_without_traces_the_header_is_ignored(client: TestClient) -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    assert client.post(f"{BASE}/log-test", json=BODY, headers=headers).status_code == 202
