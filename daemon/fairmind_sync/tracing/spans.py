"""Makes the spans of a delivery (save, claim, requests, record) with ids that follow from its key, and sends
them by OpenTelemetry's SDK.

A delivery is one trace. Its trace id and the id of its root span, the save, follow from the delivery key. So
the process that saves and those that deliver, days later perhaps, agree on both without telling each other.
An attribute holds a name, a number or a word of ours, never a message, a parameter or an address with a user:
those could hold secrets or parts of a payload.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from time import time_ns as now
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fairmind_sync import __version__
from fairmind_sync.tracing.untraced import Answered, Untraced

if TYPE_CHECKING:
    from fairmind_sync.results.delivery import Delivery, Enqueued

LONGEST_END_S = 2.0
"""So long a process that ends waits for a receiver."""
_SERVICE = "fairmind-sync"
_OURS = "fairmind_sync"
_LOWEST_ERROR = 400
_CONTEXTS = TraceContextTextMapPropagator()

Attributes: TypeAlias = Mapping[str, str | int]


class DeliverySpans(Untraced):
    """Sends spans as OpenTelemetry's variables say, by a provider of its own: a backend's stays as it is."""

    is_on = True

    def __init__(self) -> None:
        self._ids = _IdsOfKeys()
        self._provider = TracerProvider(
            resource=_resource(), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_OURS, __version__)
        self._under_way: dict[str, Span] = {}

    @contextmanager
    def called_by(self, traceparent: str | None) -> Iterator[None]:
        caller = _CONTEXTS.extract({"traceparent": traceparent or ""}, Context())
        is_known = trace.get_current_span().get_span_context().is_valid
        with nullcontext() if is_known else trace.use_span(trace.get_current_span(caller)):
            yield

    def saved(self, deliveries: Iterable[Enqueued], began: int) -> None:
        """Links each save to the caller's span, if there is one: a backend's request, perhaps."""
        caller, ended = trace.get_current_span().get_span_context(), now()
        links = [Link(caller)] if caller.is_valid else []
        for one in deliveries:
            with self._ids.of(one.key):
                span = self._tracer.start_span(
                    f"save {one.provider}",
                    Context(),
                    SpanKind.PRODUCER,
                    _names(one.provider, one.id, one.key, one.test_id),
                    links,
                    start_time=began,
                )
            span.end(ended)

    def claimed(self, deliveries: Iterable[Delivery], began: int) -> None:
        ended = now()
        for one in deliveries:
            names = _names(one.provider, one.id, one.key, one.result.test_id)
            span = self._tracer.start_span(
                f"deliver {one.provider}",
                self._as_saved(one.key),
                SpanKind.CONSUMER,
                {**names, f"{_OURS}.attempt": one.attempts},
                start_time=began,
            )
            self._under_way[one.key] = span
            self._add(span, "claim", began, ended)

    @contextmanager
    def working_on(self, delivery: Delivery) -> Iterator[None]:
        span = self._under_way.get(delivery.key)
        if span is None:
            yield
            return
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield

    @contextmanager
    def request(self, method: str, what: str, server: str, path: str = "") -> Iterator[Answered]:
        attempt = trace.get_current_span()
        if not attempt.get_span_context().is_valid:
            yield lambda _status: None
            return
        known = {"http.request.method": method, "url.path": path, "server.address": _host(server)}
        attributes = {name: value for name, value in known.items() if value}
        name = f"{method} {what}".strip()
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        with _ended(span):
            yield lambda status: _note_status(span, status)

    @contextmanager
    def request_for_all(self, what: str, keys: Iterable[str]) -> Iterator[None]:
        attempts = [self._under_way[key] for key in keys if key in self._under_way]
        began = now()
        try:
            yield
        finally:
            for attempt in attempts:
                self._add(attempt, what, began, now(), SpanKind.CLIENT)

    def recorded(
        self, deliveries: Iterable[Delivery], began: int, outcome: str, error_kind: str = ""
    ) -> None:
        ended = now()
        for one in deliveries:
            span = self._under_way.pop(one.key, None)
            if span is not None:
                self._add(span, "record", began, ended)
                _end_attempt(span, outcome, error_kind)

    def left(self) -> None:
        while self._under_way:
            _, span = self._under_way.popitem()
            _end_attempt(span, "released")

    def end(self) -> None:
        """Leaves a receiver that doesn't answer in time, with the thread that waits for it."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(LONGEST_END_S)

    def _as_saved(self, key: str) -> Context:
        """Returns the context of the save, sampled as the process that saved has sampled it."""
        trace_id, span_id = _ids_of(key)
        decided = self._provider.sampler.should_sample(None, trace_id, "save").decision
        sampled = decided is Decision.RECORD_AND_SAMPLE
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
        saved = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(NonRecordingSpan(saved), Context())

    def _add(
        self, attempt: Span, name: str, began: int, ended: int, kind: SpanKind = SpanKind.INTERNAL
    ) -> None:
        context = trace.set_span_in_context(attempt, Context())
        self._tracer.start_span(name, context, kind, start_time=began).end(ended)


class _IdsOfKeys(RandomIdGenerator):
    """Draws ids, but for a root span of a delivery, whose ids follow from the key."""

    def __init__(self) -> None:
        self._given = threading.local()

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        """Has the one span that this thread begins in the block get the ids of the key."""
        self._given.ids = _ids_of(key)
        try:
            yield
        finally:
            self._given.ids = None

    def generate_trace_id(self) -> int:
        given: tuple[int, int] | None = getattr(self._given, "ids", None)
        return given[0] if given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        given: tuple[int, int] | None = getattr(self._given, "ids", None)
        return given[1] if given else super().generate_span_id()


def _ids_of(key: str) -> tuple[int, int]:
    """Returns trace id and root span id: a digest, as not every bit of PostgreSQL's keys is random."""
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


def _resource() -> Resource:
    """Returns what OpenTelemetry's variables say of this service; without a name we have one."""
    found = Resource.create()
    is_named = not str(found.attributes[SERVICE_NAME]).startswith("unknown_service")
    return found if is_named else found.merge(Resource({SERVICE_NAME: _SERVICE}))


def _names(provider: str, delivery: int, key: str, test_id: str) -> Attributes:
    return {
        f"{_OURS}.provider": provider,
        f"{_OURS}.delivery": delivery,
        f"{_OURS}.delivery_key": key,
        f"{_OURS}.test_id": test_id,
    }


def _host(server: str) -> str:
    try:
        return urlsplit(server).hostname or ""
    except ValueError:
        return ""


@contextmanager
def _ended(span: Span) -> Iterator[None]:
    """Ends the span with the block, and tells the kind of an error, not its words."""
    try:
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    except Exception as error:
        _note_error(span, type(error).__name__)
        raise
    finally:
        span.end()


def _note_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= _LOWEST_ERROR:
        _note_error(span, str(status))


def _note_error(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _end_attempt(span: Span, outcome: str, error_kind: str = "") -> None:
    span.set_attribute(f"{_OURS}.outcome", outcome)
    if error_kind:
        _note_error(span, error_kind)
    span.end()
