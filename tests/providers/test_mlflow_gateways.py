"""A gateway before a real MLflow server refuses large requests: everything else gets through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.providers.test_mlflow import MlflowLab
from tests.standins.faults import Fault
from tests.standins.loopback import Reply
from tests.standins.mlflow_proxy import MlflowProxy, mlflow_proxy
from tests.support.deliveries import pass_time

LARGEST = 4_000
TOO_LONG = {"text": "x" * 5_000}
"""One parameter that no request can carry past the gateway."""
TOO_LARGE = Reply(b"<html><h1>Request Entity Too Large</h1></html>", 413, "text/html")
FORBIDDEN = Reply(b"<html>Blocked by the firewall, id 7</html>", 403, "text/html")


@pytest.fixture(params=[TOO_LARGE, FORBIDDEN], ids=["413", "403"])
def proxy(request: pytest.FixtureRequest, mlflow_uri: str) -> Iterator[MlflowProxy]:
    with mlflow_proxy(mlflow_uri) as proxy:
        proxy.largest_body, proxy.refusal = LARGEST, request.param
        yield proxy


@pytest.fixture
def lab(engine: Engine, proxy: MlflowProxy) -> MlflowLab:
    return MlflowLab(engine, proxy.uri)


def test_a_large_result_arrives_in_parts(lab: MlflowLab) -> None:
    results = {f"m{number}": float(number) for number in range(500)}
    lab.save(results=results)
    record = lab.drain()
    (run,) = lab.runs()
    assert (record.status, run.status, run.metrics) == ("delivered", "FINISHED", results)


def test_a_result_whose_description_is_too_large_arrives_too(lab: MlflowLab) -> None:
    lab.save(results={"accuracy": 0.5, "summary": "s " * 1_800})
    record = lab.drain()
    (run,) = lab.runs()
    assert (record.status, run.tags["summary"]) == ("delivered", "s " * 1_800)


def test_results_that_can_not_pass_hold_nobody_up_and_die_at_the_second_refusal(
    lab: MlflowLab, proxy: MlflowProxy
) -> None:
    for number in range(5):
        lab.save(test_id=f"large-{number}", metadata=TOO_LONG)
    for number in range(30):
        lab.save(test_id=f"small-{number}")
    lab.drain()
    pass_time(lab.engine)
    lab.drain()
    found = {record.test_id: (record.status, record.attempts) for record in lab.records()}
    assert found == {
        **{f"large-{number}": ("dead", 2) for number in range(5)},
        **{f"small-{number}": ("delivered", 1) for number in range(30)},
    }
    words = "Request Entity Too Large" if proxy.refusal is TOO_LARGE else "Blocked by the firewall"
    assert all(
        words in str(record.last_error) for record in lab.records() if record.status == "dead"
    )
    assert lab.state().state == "ready"


def test_who_may_only_look_is_blocked_and_uses_up_no_attempt(
    lab: MlflowLab, proxy: MlflowProxy
) -> None:
    proxy.faults.replace(
        [Fault(kind, "status", status=403) for kind in ("create", "tag_experiment")]
    )
    lab.save()
    record = lab.drain()
    assert (record.status, record.attempts, lab.state().state) == ("pending", 0, "blocked")
    proxy.faults.replace([])
    pass_time(lab.engine)
    assert lab.drain().status == "delivered"
