"""What becomes a span in one process: parents, links, ids and outcomes; and what never gets into one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from sqlalchemy import Engine

from fairmind_sync import tracing
from fairmind_sync.clock import utc_now
from fairmind_sync.errors import LeaseLostError, ProviderOfflineError
from fairmind_sync.intake.prepare import prepare
from fairmind_sync.intake.save import save_all, save_once
from fairmind_sync.outbox import outcomes
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.providers.base import Dead, Outcome, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.delivery import NewResult
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import FakeProvider
from tests.standins.otlp import Collector, HeldSpan
from tests.support.clock import Clock
from tests.support.databases import rows

BOTH: tuple[ProviderName, ...] = ("wandb", "mlflow")
CALLER = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
PRODUCER, CONSUMER = 4, 5


def new(test_id: str = "t") -> NewResult:
    return prepare(test_id, "u", "m", None, "ml_bias", {"accuracy": 0.5}, private_fields=())


def save(engine: Engine, *providers: ProviderName, test_id: str = "t") -> None:
    save_all(engine, [new(test_id)], providers or ("mlflow",))


def deliver(engine: Engine, *script: Outcome | Exception | None) -> None:
    Relay(engine, FakeProvider(script=[*script]), max_attempts=3).drain()


def sent(collector: Collector) -> list[HeldSpan]:
    tracing.end()
    return sorted(collector.spans, key=lambda span: (span.begun, -span.ended))


def named(collector: Collector, name: str) -> HeldSpan:
    (found,) = (span for span in sent(collector) if span.name == name)
    return found


def test_a_save_is_the_root_of_a_trace_for_each_delivery(traced: Collector, engine: Engine) -> None:
    save(engine, *BOTH)
    found = sent(traced)
    assert sorted((one.name, one.parent, one.kind) for one in found) == [
        ("save mlflow", "", PRODUCER),
        ("save wandb", "", PRODUCER),
    ]
    assert len({one.trace for one in found}) == 2


def test_a_delivery_continues_the_trace_of_its_save(traced: Collector, engine: Engine) -> None:
    save(engine)
    tracing.end()  # as if the save were another process's
    deliver(engine)
    found = {one.name: one for one in sent(traced)}
    assert {one.trace for one in found.values()} == {found["save mlflow"].trace}
    parents = {name: one.parent for name, one in found.items()}
    assert parents == {
        "save mlflow": "",
        "deliver mlflow": found["save mlflow"].id,
        "claim": found["deliver mlflow"].id,
        "record": found["deliver mlflow"].id,
    }
    assert found["deliver mlflow"].kind == CONSUMER


def test_spans_are_in_the_order_of_the_flow(traced: Collector, engine: Engine) -> None:
    save(engine)
    deliver(engine)
    found = {one.name: one for one in sent(traced)}
    order = ("save mlflow", "claim", "record")
    times = [time for name in order for time in (found[name].begun, found[name].ended)]
    assert times == sorted(times)
    assert found["deliver mlflow"].begun == found["claim"].begun
    assert found["deliver mlflow"].ended >= found["record"].ended


def test_a_span_names_its_delivery(traced: Collector, engine: Engine) -> None:
    save(engine)
    deliver(engine)
    (row,) = rows(engine, outbox_table)
    names = {
        "fairmind_sync.provider": "mlflow",
        "fairmind_sync.delivery": row.id,
        "fairmind_sync.delivery_key": row.delivery_key,
        "fairmind_sync.test_id": "t",
    }
    assert named(traced, "save mlflow").attributes == names
    of_attempt = {"fairmind_sync.attempt": 1, "fairmind_sync.outcome": "delivered"}
    assert named(traced, "deliver mlflow").attributes == names | of_attempt


def test_a_save_is_linked_to_the_callers_span(traced: Collector, engine: Engine) -> None:
    with trace.use_span(NonRecordingSpan(CALLER)):
        save(engine)
    root = named(traced, "save mlflow")
    assert (root.links, root.parent) == ([(f"{0xABC:032x}", f"{0xDEF:016x}")], "")


def test_a_save_under_a_key_is_traced(traced: Collector, engine: Engine) -> None:
    for _ in range(2):
        save_once(engine, new(), ("mlflow",), "key")
    assert [one.name for one in sent(traced)] == ["save mlflow"]


def test_what_was_saved_before_is_not_traced_again(traced: Collector, engine: Engine) -> None:
    save(engine)
    save(engine)
    assert [one.name for one in sent(traced)] == ["save mlflow"]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Dead(ErrorKind.REJECTED, "too large"), ("dead", "rejected")),
        (Retry(ErrorKind.UNCERTAIN, "500"), ("retry", "uncertain")),
    ],
)
def test_a_failed_attempt_tells_its_outcome_and_kind(
    traced: Collector, engine: Engine, outcome: Outcome, told: tuple[str, str]
) -> None:
    save(engine)
    deliver(engine, outcome)
    span = named(traced, "deliver mlflow")
    names = ("fairmind_sync.outcome", "error.type")
    assert (span.is_error, *(span.attributes[name] for name in names)) == (True, *told)


def test_each_attempt_is_a_span_of_the_same_trace(traced: Collector, engine: Engine) -> None:
    save(engine)
    deliver(engine, Retry(ErrorKind.UNCERTAIN, "500"))
    later = Clock(utc_now() + timedelta(days=9))
    Relay(engine, FakeProvider(), max_attempts=3, clock=later).drain()
    attempts = [one for one in sent(traced) if one.name == "deliver mlflow"]
    assert [one.attributes["fairmind_sync.attempt"] for one in attempts] == [1, 2]
    assert len({(one.trace, one.parent) for one in attempts}) == 1


def test_what_a_provider_leaves_is_given_back(traced: Collector, engine: Engine) -> None:
    save(engine)
    deliver(engine, ProviderOfflineError("down"))
    assert named(traced, "deliver mlflow").attributes["fairmind_sync.outcome"] == "released"


def test_a_lost_lease_is_told(
    traced: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_arguments: object) -> None:
        raise LeaseLostError

    monkeypatch.setattr(outcomes, "record_delivered", lose)
    save(engine)
    deliver(engine)
    assert named(traced, "deliver mlflow").attributes["fairmind_sync.outcome"] == "lease_lost"


@pytest.mark.parametrize(("share", "spans"), [("0", 0), ("1", 4)])
def test_a_share_of_the_traces_can_be_taken(
    traced: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch, share: str, spans: int
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", share)
    save(engine)
    deliver(engine)
    assert len(sent(traced)) == spans


@pytest.mark.both_databases
def test_a_share_takes_whole_traces(
    traced: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of either database's keys: some bits of PostgreSQL's are the same in all."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    save_all(engine, [new(f"t{number}") for number in range(100)], ("mlflow",))
    tracing.end()
    deliver(engine)
    found = sent(traced)
    roots = {one.trace for one in found if one.name == "save mlflow"}
    assert {one.trace for one in found if one.name == "record"} == roots
    assert 20 < len(roots) < 80


def test_the_services_name_is_ours_or_as_the_variable_says(
    traced: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(engine)
    tracing.end()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "bias-results")
    save(engine, test_id="other")
    assert [one.service for one in sent(traced)] == ["fairmind-sync", "bias-results"]


def test_a_request_outside_of_an_attempt_is_no_span(traced: Collector) -> None:
    with tracing.current().request("GET", "runs/get", "http://127.0.0.1") as answered:
        answered(200)
    assert sent(traced) == []
