"""structlog set-up. Events are named `subject.what_happened`; values are bound, never formatted in.

delivery.claimed    delivery.delivered   delivery.retry_scheduled   delivery.dead   delivery.lease_lost
provider.offline    provider.blocked     provider.recovered
daemon.ready        daemon.stopping      daemon.stopped
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

HIDDEN = "[hidden]"
_SDK_SECRETS = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "DATABRICKS_TOKEN",
    "WANDB_API_KEY",
)
_SHORTEST_SECRET = 8
_USER = re.compile(r"(?<=://)[^/]*(?=@)")
_USERINFO = re.compile(r"""(?<=://)[^/\s"'<>]+(?=@)""")


def configure(settings: Settings) -> None:
    """Log to standard error: for people on a terminal, as JSON lines otherwise."""
    import structlog  # noqa: PLC0415 it brings rich along, which a process that only saves doesn't need

    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
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
            _Redactor(settings),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(secrets_of(settings), as_json=as_json))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without the given secrets, and without passwords in URLs."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _USERINFO.sub(HIDDEN, text)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """As they are, and as JSON writes them. A password as short as a word would hide words: it stays."""
    ours = [one.get_secret_value() for one in (settings.wandb_api_key, settings.api_token) if one]
    theirs = [os.environ.get(name, "") for name in _SDK_SECRETS]
    userinfo = _USER.search(settings.mlflow_tracking_uri)
    password = userinfo[0].partition(":")[2] or userinfo[0] if userinfo else ""
    theirs += [password, unquote(password), str(settings.database.password or "")]
    found = [secret for secret in ours if secret]
    found += [secret for secret in theirs if len(secret) >= _SHORTEST_SECRET]
    written = (form for secret in found for form in (secret, json.dumps(secret)[1:-1]))
    return tuple(dict.fromkeys(written))


def without_user(uri: str) -> str:
    """The address without user and password."""
    return re.sub(r"(?<=://)[^/]*@", "", uri)


class _Redactor:
    """The last structlog processor: keeps secrets out of the line, wherever in the event they were."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = secrets_of(settings)

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        return redact(str(line), self._secrets)


class _RedactingFormatter(logging.Formatter):
    """For the lines of libraries, which know nothing of structlog."""

    def __init__(self, secrets: tuple[str, ...], *, as_json: bool) -> None:
        super().__init__("%(name)s: %(message)s")
        self._secrets = secrets
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if self._as_json:
            text = json.dumps(
                {"event": "library.said", "level": record.levelname.lower(), "text": text}
            )
        else:
            text = "\n  ".join(printable(line) for line in text.split("\n"))
        return redact(text, self._secrets)


def printable(text: str, kept: str = "") -> str:
    """What others sent can't steer a terminal: control characters are shown, not obeyed; `kept` ones pass."""
    return "".join(
        char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in text
    )
