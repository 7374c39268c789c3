"""Sets logging up: structlog's and libraries' lines, as JSON or for people, with secrets hidden, to a stream
that may be lost. Events are named `subject.what_happened`.

delivery.claimed    delivery.delivered   delivery.retry_scheduled   delivery.dead   delivery.lease_lost
provider.offline    provider.blocked     provider.recovered
daemon.ready        daemon.stopping      daemon.stopped
"""

from __future__ import annotations

import io
import json
import logging
import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from fairmind_sync import event_log
from fairmind_sync.event_log import get_logger
from fairmind_sync.redaction import redact
from fairmind_sync.text import printable

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

Known: TypeAlias = "tuple[Settings, tuple[str, ...]]"
"""Settings, and the secrets that this process knows."""

_OF_TRACES_S = 600.0

log = get_logger()


def configure(settings: Settings) -> None:
    """Logs to standard error from now on: for people on a terminal, else as JSON lines."""
    known = (settings, _secrets_of(settings))
    _configure(lambda: known)


def configure_late() -> None:
    """Logs warnings and errors as `configure` does; settings and secrets are read with the first of them."""
    _configure(lru_cache(_read_settings))


def _read_settings() -> Known:
    from fairmind_sync.settings import current_settings

    settings = current_settings().model_copy(update={"log_level": "warning"})
    return settings, _secrets_of(settings)


def _secrets_of(settings: Settings) -> tuple[str, ...]:
    from fairmind_sync.providers.secrets import secrets_of

    return secrets_of(settings)


def _configure(read: Callable[[], Known]) -> None:
    stream = _Patient(sys.stderr)
    event_log.set_up_by(partial(_set_structlog_up, read, stream))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_RedactingFormatter(read, stream))
    handler.addFilter(_seldom_of_traces())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _is_json(settings: Settings, stream: _Patient) -> bool:
    return settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())


def _set_structlog_up(read: Callable[[], Known], stream: Any) -> None:
    structlog = _imported_structlog()
    settings, secrets = read()
    as_json = _is_json(settings, stream)
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    tracebacks = [structlog.processors.format_exc_info] if as_json else []
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tracebacks,
            renderer,
            _Redactor(secrets),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(stream),  # one write a line: workers log, too
        cache_logger_on_first_use=False,
    )


def _imported_structlog() -> ModuleType:
    """Imports structlog without rich, which structlog would only use for tracebacks that we don't want.

    Rich costs a process 45 ms and 4 MB. Whoever imports rich later gets it.
    """
    kept = {"rich": sys.modules["rich"]} if "rich" in sys.modules else {}
    sys.modules["rich"] = kept.get("rich")  # type: ignore[assignment]  # None: it can't be imported
    try:
        import structlog
    finally:
        del sys.modules["rich"]
        sys.modules.update(kept)
    return structlog


class _Patient(io.TextIOBase):
    """A stream whose lines may be lost: a full disk, or a log's reader that is gone, ends no delivery."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()


def tell_mistakes(settings: Settings) -> None:
    """Logs each variable that is wrong, and so counts as unset."""
    for mistake in settings.mistakes_in():
        log.error("setting.wrong", reason=mistake)


class _Redactor:
    """The last structlog processor, which hides secrets in the whole line of an event."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        return redact(str(line), self._secrets)


def _seldom_of_traces() -> Callable[[logging.LogRecord], bool]:
    """Returns a filter: of a collector of traces that is away, OpenTelemetry tells at each export."""
    told_at = -math.inf

    def passes(record: logging.LogRecord) -> bool:
        nonlocal told_at
        if not record.name.startswith("opentelemetry"):
            return True
        is_due = time.monotonic() - told_at >= _OF_TRACES_S
        told_at = time.monotonic() if is_due else told_at
        return is_due

    return passes


class _RedactingFormatter(logging.Formatter):
    """Formats the lines of libraries, which know nothing of structlog, and hides secrets in these lines."""

    def __init__(self, read: Callable[[], Known], stream: _Patient) -> None:
        super().__init__("%(name)s: %(message)s")
        self._read = read
        self._stream = stream

    def format(self, record: logging.LogRecord) -> str:
        settings, secrets = self._read()
        text = super().format(record)
        if _is_json(settings, self._stream):
            text = json.dumps(
                {"event": "library.said", "level": record.levelname.lower(), "text": text}
            )
        else:
            text = "\n  ".join(printable(line) for line in text.split("\n"))
        return redact(text, secrets)
