"""Decides by OpenTelemetry's standard variables whether deliveries are
traced, and gives the process what takes its spans.

Traces are off, and nothing of OpenTelemetry is imported, unless its standard variables ask for them. Whoever
has something to note calls a method of `current()`.
"""

from __future__ import annotations

import atexit
import os
import threading
from time import time_ns as now

from fairmind_sync.event_log import get_logger
from fairmind_sync.tracing.untraced import Untraced

__all__ = ["Untraced", "current", "end", "now"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"

log = get_logger()


class _Begun:
    """What each process began: a forked one begins its own, as no thread gets over a fork."""

    lock = threading.Lock()
    by_pid: dict[int, Untraced] = {}  # noqa: RUF012 the process's own, as event_log's


def current() -> Untraced:
    """Returns what takes this process's spans, or does nothing with them."""
    return _Begun.by_pid.get(os.getpid()) or _begin()


def end() -> None:
    """Sends the spans that wait, for a moment; a later span begins anew. Whoever forks calls this before."""
    begun = _Begun.by_pid.pop(os.getpid(), None)
    if begun is not None:
        begun.end()


def _begin() -> Untraced:
    with _Begun.lock:
        return _Begun.by_pid.setdefault(os.getpid(), _started() if _is_wanted() else Untraced())


def _is_wanted() -> bool:
    if _variable("OTEL_SDK_DISABLED") == "true":
        return False
    exporters = _variable("OTEL_TRACES_EXPORTER")
    return exporters != "none" if exporters else any(map(_variable, _ENDPOINTS))


def _started() -> Untraced:
    """Returns what sends spans; where that can't be had, the log says why, and all else goes on."""
    try:
        _require_otlp_by_http()
        from fairmind_sync.tracing.spans import DeliverySpans

        begun = DeliverySpans()
    except ModuleNotFoundError as error:
        log.warning("tracing.off", reason=f"{error}. Run: pip install 'fairmind-sync[otel]'")
    except Exception as error:  # noqa: BLE001 a wrong variable of OpenTelemetry raises what it likes
        log.warning("tracing.off", reason=f"{type(error).__name__}: {error}")
    else:
        atexit.register(end)
        return begun
    return Untraced()


def _require_otlp_by_http() -> None:
    if _variable("OTEL_TRACES_EXPORTER") not in ("", "otlp"):
        raise ValueError("OTEL_TRACES_EXPORTER has to be otlp or none")
    protocol = next((given for name in _PROTOCOLS if (given := _variable(name))), _HTTP)
    if protocol != _HTTP:
        raise ValueError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL has to be {_HTTP}, whose port is 4318 by default"
        )


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip().lower()
