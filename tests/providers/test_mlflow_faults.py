"""The fault matrix for MLflow: one request of a kind is disturbed; each result ends as one complete run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox.delivery_lookup import DeliveryRecord
from tests.providers.test_mlflow import MlflowLab
from tests.standins.faults import Action, Fault
from tests.standins.mlflow_proxy import MlflowProxy
from tests.support.deliveries import pass_time
from tests.support.diagonals import one_of, pairs
from tests.support.evidence_held import at_mlflow, made

RESULTS = {"accuracy": 0.25, "groups": {"a": 1, "b": 2}}
METRICS = {"accuracy": 0.25, "groups/a": 1.0, "groups/b": 2.0}
KINDS = ("experiment", "create_experiment", "create", "store_file", "log_batch", "update")
LOST: tuple[Action, ...] = ("drop_after", "half", "empty", "html", "late")
SHORT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "8"}
"""Only where a reply comes too late: a healthy server on a busy machine must not seem to be away."""
LATE_S = 9.0
"""Longer than that."""


@pytest.fixture
def lab(engine: Engine, proxy: MlflowProxy) -> MlflowLab:
    lab = MlflowLab(engine, proxy.uri)
    lab.save(results=RESULTS)
    return lab


def drain(lab: MlflowLab, action: Action) -> DeliveryRecord:
    """With a time-out that passes where no reply comes in time."""
    return lab.drain(**(SHORT if action in ("late", "hang") else {}))


def disturb(proxy: MlflowProxy, kind: str, action: Action, *, times: int | None = 1) -> None:
    proxy.faults.replace([Fault(kind, action, seconds=LATE_S, times=times)])


def refuse(proxy: MlflowProxy, kind: str, status: int, retry_after: float | None = None) -> None:
    proxy.faults.replace([Fault(kind, "status", status=status, retry_after=retry_after)])


def drain_until_done(lab: MlflowLab, proxy: MlflowProxy) -> None:
    """Undisturbed; before each drain enough time passes for every grace period, and for missing evidence."""
    proxy.faults.replace([])
    for _ in range(3):
        record = lab.records()[0]
        if (record.status, record.evidence_state) == ("delivered", "stored"):
            return
        pass_time(lab.engine)
        lab.drain()


def is_one_complete_run(lab: MlflowLab) -> bool:
    """The result is recorded as delivered, and its run is whole, with its evidence, and the only one."""
    (record,) = lab.records()
    held = [(run.id, run.status, run.metrics) for run in lab.runs()]
    return (
        record.status == "delivered"
        and held == [(record.run_id, "FINISHED", METRICS)]
        and {record.run_id: at_mlflow(lab.uri, str(record.run_id))} == made(lab.engine)
    )


@pytest.mark.parametrize(("kind", "action"), pairs(KINDS, LOST, ("create", "late")))
def test_a_lost_reply(lab: MlflowLab, proxy: MlflowProxy, kind: str, action: Action) -> None:
    disturb(proxy, kind, action)
    drain(lab, action)
    drain_until_done(lab, proxy)
    assert is_one_complete_run(lab)


@pytest.mark.nightly
@pytest.mark.parametrize("action", one_of(LOST))
def test_a_lost_reply_to_the_search_on_doubt(
    lab: MlflowLab, proxy: MlflowProxy, action: Action
) -> None:
    disturb(proxy, "create", "drop_after")
    lab.drain()
    pass_time(lab.engine)
    disturb(proxy, "search", action)
    drain(lab, action)
    drain_until_done(lab, proxy)
    assert is_one_complete_run(lab)


@pytest.mark.parametrize(
    ("kind", "action"),
    pairs(("create", "update", "log_batch"), ("drop_before", "hang"), ("create", "hang")),
)
def test_a_request_that_never_arrived(
    lab: MlflowLab, proxy: MlflowProxy, kind: str, action: Action
) -> None:
    disturb(proxy, kind, action)
    drain(lab, action)
    drain_until_done(lab, proxy)
    assert is_one_complete_run(lab)


@pytest.mark.parametrize(
    ("kind", "status"), pairs(("experiment", "create", "update"), (401, 403, 404), ("create", 403))
)
def test_a_refusal_blocks_the_provider_and_uses_up_no_attempt(
    lab: MlflowLab, proxy: MlflowProxy, kind: str, status: int
) -> None:
    refuse(proxy, kind, status)
    record = lab.drain()
    assert (record.status, record.attempts, lab.state().state) == ("pending", 0, "blocked")


@pytest.mark.parametrize("kind", one_of(["create", "experiment", "update"]))
def test_a_redirect_is_never_followed(lab: MlflowLab, proxy: MlflowProxy, kind: str) -> None:
    disturb(proxy, kind, "redirect", times=None)
    record = lab.drain()
    assert (record.attempts, lab.state().state, proxy.requests["other"]) == (0, "blocked", 0)


@pytest.mark.parametrize(
    ("kind", "status"), pairs(("experiment", "create"), (429, 503), ("create", 429))
)
def test_a_server_that_asks_for_patience_is_left_alone_that_long(
    lab: MlflowLab, proxy: MlflowProxy, kind: str, status: int
) -> None:
    refuse(proxy, kind, status, retry_after=1800)
    record = lab.drain()
    probe_at = lab.state().next_probe_at
    assert probe_at is not None
    assert (record.attempts, lab.state().state) == (0, "offline")
    assert probe_at > datetime.now(UTC) + timedelta(seconds=1700)


@pytest.mark.parametrize("kind", one_of(["log_batch", "create", "update"]))
def test_a_server_error_costs_an_attempt_and_is_never_delivered(
    lab: MlflowLab, proxy: MlflowProxy, kind: str
) -> None:
    refuse(proxy, kind, 500)
    record = lab.drain()
    assert (record.status, record.attempts, record.last_error_kind) == ("pending", 1, "uncertain")


@pytest.mark.parametrize(
    ("kind", "status"), pairs(("create", "log_batch"), (401, 503), ("log_batch", 503))
)
def test_once_it_is_taken_again_what_was_refused_is_one_run(
    lab: MlflowLab, proxy: MlflowProxy, kind: str, status: int
) -> None:
    refuse(proxy, kind, status)
    lab.drain()
    drain_until_done(lab, proxy)
    assert is_one_complete_run(lab)


@pytest.mark.parametrize("kind", one_of(["experiment", "create_experiment"]))
def test_a_single_page_in_the_place_of_the_experiment_blocks_nobody(
    lab: MlflowLab, proxy: MlflowProxy, kind: str
) -> None:
    proxy.faults.replace([Fault(kind, "html", times=1)])
    lab.save()
    assert (lab.drain().status, proxy.faults.struck) == ("delivered", 1)
