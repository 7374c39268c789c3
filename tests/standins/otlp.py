"""A collector of OpenTelemetry's traces, by OTLP over HTTP, that can also refuse and hang."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.standins.faults import Faults
from tests.standins.loopback import FaultyHandler, LoopbackServer, Reply

TRACES = "/v1/traces"


@dataclass(frozen=True)
class HeldSpan:
    """A span as it came; ids are hexadecimal, and `parent` is empty for a root."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    begun: int
    ended: int
    is_error: bool
    links: list[tuple[str, str]]
    attributes: dict[str, Any]
    service: str


@dataclass
class Collector:
    """What came; `raw` are the bodies of the requests."""

    address: str = ""
    spans: list[HeldSpan] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    @property
    def variables(self) -> dict[str, str]:
        """What has a process send its traces here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.address}

    def named(self, name: str) -> list[HeldSpan]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        for group in request.resource_spans:
            service = _values(group.resource.attributes)["service.name"]
            for scope in group.scope_spans:
                self.spans += [_held(span, service) for span in scope.spans]


@contextmanager
def serve_collector() -> Iterator[Collector]:
    collector = Collector()
    server = LoopbackServer(0, _TracesHandler, owner=collector)
    collector.address = f"http://127.0.0.1:{server.server_port}"
    server.start()
    try:
        yield collector
    finally:
        server.stop()


class _TracesHandler(FaultyHandler):
    def do_POST(self) -> None:
        collector: Collector = self.server.owner
        assert self.path == TRACES
        body = self.read_body()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)

        def work() -> Reply:
            collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            return Reply(answer, content_type="application/x-protobuf")

        self.serve("traces", collector.faults, work)


def _held(span: Any, service: str) -> HeldSpan:
    return HeldSpan(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        begun=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        is_error=span.status.code == span.status.STATUS_CODE_ERROR,
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        attributes=_values(span.attributes),
        service=service,
    )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
