"""Traces are on only where OpenTelemetry's variables say so; what is wrong with them stops nothing else."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import Engine

from fairmind_sync import tracing
from fairmind_sync.storage.tables import outbox_table
from tests.standins.otlp import Collector
from tests.support.databases import rows
from tests.support.log_events import captured_logs
from tests.tracing.test_spans import save, sent

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
OF_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"OTEL_SERVICE_NAME": "bias-results"},
        {ENDPOINT: "{address}", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "{address}", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {ENDPOINT: ""},
    ],
)
def test_nothing_is_sent_unless_variables_say_so(
    collector: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value.format(address=collector.address))
    with captured_logs() as events:
        save(engine)
    assert (tracing.current().is_on, sent(collector), told(events)) == (False, [], [])


@pytest.mark.parametrize(
    "given",
    [
        {ENDPOINT: "{address}"},
        {OF_TRACES: "{address}/v1/traces"},
        {ENDPOINT: "{address}", "OTEL_TRACES_EXPORTER": "otlp"},
        {ENDPOINT: "{address}", "OTEL_SDK_DISABLED": "false"},
        {ENDPOINT: "{address}", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        {
            ENDPOINT: "{address}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        },
    ],
)
def test_spans_are_sent_where_variables_say_so(
    collector: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value.format(address=collector.address))
    save(engine)
    assert [span.name for span in sent(collector)] == ["save mlflow"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("OTEL_TRACES_EXPORTER", "console", "OTEL_TRACES_EXPORTER has to be otlp or none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL has to be http/"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "ValueError"),
    ],
)
def test_a_wrong_variable_is_told_and_results_are_saved(
    traced: Collector,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    reason: str,
) -> None:
    monkeypatch.setenv(name, value)
    with captured_logs() as events:
        save(engine)
        save(engine, test_id="other")
    assert [reason in one for one in told(events)] == [True]
    assert len(rows(engine, outbox_table)) == 2


def test_a_missing_extra_is_told_with_its_command(
    traced: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "fairmind_sync.tracing.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with captured_logs() as events:
        save(engine)
    (reason,) = told(events)
    assert reason.endswith("Run: pip install 'fairmind-sync[otel]'")
    assert len(rows(engine, outbox_table)) == 1


def test_a_process_that_ends_waits_for_no_collector_for_long(
    traced: Collector, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector_answers, waited = threading.Event(), list[bool]()
    shutdown = TracerProvider.shutdown

    def wait(provider: TracerProvider) -> None:
        waited.append(collector_answers.wait(60))
        shutdown(provider)

    monkeypatch.setattr(TracerProvider, "shutdown", wait)
    save(engine)
    tracing.end()
    assert waited == []
    collector_answers.set()


def told(events: list[Any]) -> list[str]:
    return [event["reason"] for event in events if event["event"] == "tracing.off"]
