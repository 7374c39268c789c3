"""Texts, numbers and times that trip programs up: each request is answered, and none with a 500."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from fairmind_sync.settings import Settings
from fairmind_sync.testing import new_result
from tests.api.test_endpoints import body
from tests.security.attack import API, client_of
from tests.support.deliveries import save_with
from tests.support.diagonals import diagonals

pytestmark = pytest.mark.mostly_sqlite

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FIELDS = [
    f"{API}/runs?test_id=",
    f"{API}/runs?model_id=",
    f"{API}/runs?provider=",
    f"{API}/runs?since=",
    f"{API}/runs?cursor=",
    f"{API}/results/test-1?user_id=",
    f"{API}/results/",
    f"{API}/run-url/mlflow/",
    "/?q=",
    "/?provider=",
    "/result?test_id=",
    "/model?model_id=",
    "/report?test_id=",
    "/sign-in?back=",
]
ODD_TEXTS = [
    "\0",
    "a\0b",
    "\ud800",
    "a\udfffb",
    "\ud83d\ude00",
    "\u202eevil",
    "\ufeff",
    "\uffff",
    "\x1b[31m",
    "a\r\nb: c",
    "😀" * 500,
    "a" * 100_000,
]
ODD_RESULTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "value": lambda text: {"a": text},
    "key": lambda text: {text: 1.5},
    "deep key": lambda text: {"a": [{text: 1.5}]},
    "summary": lambda text: {"summary": text, "recommendations": [text], "risk_level": text},
}

SHOWN_AT = [
    f"{API}/results/t",
    "/result?test_id=t",
    "/model?model_id=m",
    "/report?test_id=t",
]


def with_odd_texts(name: str, places: Sequence[object]) -> pytest.MarkDecorator:
    """The test runs at each place and with each text, but not with all pairs: those are `task nightly`'s."""
    pairs = diagonals(places, ODD_TEXTS)
    return pytest.mark.parametrize((name, "text"), pairs, ids=lambda value: ascii(value)[:30])


@pytest.fixture
def client(configured: Settings) -> TestClient:
    return client_of(configured)


@with_odd_texts("start", FIELDS)
def test_an_odd_text_in_an_address_is_no_mistake_of_ours(
    client: TestClient, start: str, text: str
) -> None:
    sent = quote(text.encode("utf-8", "surrogatepass")[:20_000])
    assert client.get(start + sent).status_code < 500


@with_odd_texts("field", ["test_id", "model_id", "test_type", "user_id", "dataset_id"])
def test_an_odd_identifier_is_no_mistake_of_ours(client: TestClient, field: str, text: str) -> None:
    sent = json.dumps(body(**{field: text}))
    reply = client.post(f"{API}/log-test", content=sent, headers=JSON)
    assert reply.status_code < 500


@with_odd_texts("shown", [*product(SHOWN_AT, ODD_RESULTS)])
def test_what_was_saved_can_be_shown(
    client: TestClient, configured: Settings, shown: tuple[str, str], text: str
) -> None:
    path, place = shown
    odd = ODD_RESULTS[place](text)
    save_with(configured, [new_result(test_id="t", model_id="m", results=odd, metadata=odd)])
    assert client.get(path).status_code == 200


def test_a_refusal_may_name_an_odd_path(client: TestClient) -> None:
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    sent = json.dumps(body(results={"\ud800": deep}))
    assert client.post(f"{API}/log-test", content=sent, headers=JSON).status_code == 422


@with_odd_texts("path", [f"{API}/deliveries/1/discard", "/deliveries/1/discard"])
def test_an_odd_reason_is_no_mistake_of_ours(client: TestClient, path: str, text: str) -> None:
    sent = json.dumps({"reason": text})
    as_json = client.post(path, content=sent, headers=JSON)
    as_form = client.post(
        path, content=f"reason={quote(text, errors='surrogatepass')}", headers=FORM
    )
    assert max(as_json.status_code, as_form.status_code) < 500


@pytest.mark.parametrize("number", ["0", "-1", f"{2**63 - 1}", f"{2**63}", "9" * 30, "9" * 5000])
@pytest.mark.parametrize("start", ["/deliveries", f"{API}/deliveries"])
def test_an_odd_number_is_no_mistake_of_ours(client: TestClient, start: str, number: str) -> None:
    assert client.post(f"{start}/{number}/retry").status_code < 500


@pytest.mark.parametrize("number", [f"{2**63}", "9" * 30])
def test_an_odd_number_to_discard_is_no_mistake_of_ours(client: TestClient, number: str) -> None:
    reply = client.post(f"/deliveries/{number}/discard", data={"reason": "no"})
    assert reply.status_code < 500


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_odd_time_is_no_mistake_of_ours(client: TestClient, since: str) -> None:
    assert client.get(f"{API}/runs", params={"since": since}).status_code < 500


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=X; charset=idna",
        "multipart/form-data; boundary=X; charset=undefined",
        "multipart/form-data; boundary=X; charset=raw_unicode_escape",
        "multipart/form-data; boundary=X; charset=nonsense",
    ],
)
def test_an_odd_form_is_no_mistake_of_ours(client: TestClient, kind: str) -> None:
    part = b'--X\r\nContent-Disposition: form-data; name="token"\r\n\r\n\\ud800\xff\r\n--X--\r\n'
    reply = client.post("/sign-in", content=part, headers={"Content-Type": kind})
    assert reply.status_code < 500
