"""Events: JSON lines where asked for, and no secret in any of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fairmind_sync.event_log import get_logger
from fairmind_sync.logs import configure
from fairmind_sync.redaction import HIDDEN, redact
from fairmind_sync.settings import Settings
from tests.support.values import for_all

KEY = "0123456789abcdef0123456789abcdef01234567"
PASSWORD = "pa55word"  # noqa: S105 no secret
URL = f"http://user:{PASSWORD}@mlflow.example:5000/path"


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logger(**changes: Any) -> Any:
    configure(Settings(wandb_api_key=SecretStr(KEY), **({"log_format": "json"} | changes)))
    return get_logger()


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().err


in_each_format = pytest.mark.parametrize("log_format", ["json", "console"])


def fail(text: str) -> NoReturn:
    raise ValueError(text)


def comes_out(secret: str, output: str) -> bool:
    """Also where the console's tables break it over lines; nothing written proves nothing."""
    assert output
    return secret in re.sub(r"[\s│]", "", output)


def test_an_event_is_one_json_line(written: Callable[[], str]) -> None:
    logger().info("delivery.claimed", delivery=7, text="a\nb")
    line = json.loads(written())
    del line["timestamp"]
    assert line == {"event": "delivery.claimed", "level": "info", "delivery": 7, "text": "a\nb"}


@in_each_format
def test_an_event_and_its_lines_end_are_one_write(
    monkeypatch: pytest.MonkeyPatch, log_format: str
) -> None:
    """The daemon's processes share one stream: what one writes in two parts, another writes between them."""
    writes: list[str] = []
    monkeypatch.setattr(sys.stderr, "write", writes.append)
    logger(log_format=log_format).info("delivery.claimed", delivery=7)
    (line,) = writes
    assert line.endswith("\n")


def test_an_events_time_is_utc(written: Callable[[], str]) -> None:
    logger().info("daemon.ready")
    assert json.loads(written())["timestamp"].endswith("Z")


def test_an_exception_stays_within_its_json_line(written: Callable[[], str]) -> None:
    log = logger()
    try:
        fail("what went wrong")
    except ValueError:
        log.exception("delivery.dead")
    assert "ValueError: what went wrong" in json.loads(written())["exception"]


def test_unicode_leaves_as_ascii(written: Callable[[], str]) -> None:
    logger().info("delivery.claimed", name="größe \ud800")
    assert written().isascii()


def test_what_json_does_not_know_is_logged_all_the_same(written: Callable[[], str]) -> None:
    logger().info("delivery.claimed", what={1}, error=ValueError("a"))
    assert json.loads(written())["event"] == "delivery.claimed"


def test_a_pipe_gets_json_without_being_told(written: Callable[[], str]) -> None:
    logger(log_format="auto").info("daemon.ready")
    assert json.loads(written())["event"] == "daemon.ready"


def test_a_terminal_gets_lines_for_people(
    monkeypatch: pytest.MonkeyPatch, written: Callable[[], str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logger(log_format="auto").info("daemon.ready")
    assert "{" not in written()


def test_a_terminal_gets_json_when_told_so(
    monkeypatch: pytest.MonkeyPatch, written: Callable[[], str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logger(log_format="json").info("daemon.ready")
    assert json.loads(written())["event"] == "daemon.ready"


def test_a_pipe_gets_lines_for_people_when_told_so(written: Callable[[], str]) -> None:
    logger(log_format="console").info("daemon.ready")
    assert not written().startswith("{")


def test_bound_context_is_in_the_event(written: Callable[[], str]) -> None:
    log = logger()
    structlog.contextvars.bind_contextvars(provider="mlflow")
    log.info("provider.offline")
    assert json.loads(written())["provider"] == "mlflow"


def test_what_is_below_the_level_is_not_written(written: Callable[[], str]) -> None:
    logger(log_level="warning").info("daemon.ready")
    assert written() == ""


def test_what_is_at_the_level_is_written(written: Callable[[], str]) -> None:
    logger(log_level="warning").warning("provider.blocked")
    assert "provider.blocked" in written()


class Told:
    """An object whose text holds a secret."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"Told({self.secret})"


SHAPES: dict[str, Callable[[str], Any]] = {
    "text": lambda secret: f"before {secret} after",
    "list": lambda secret: ["a", secret],
    "tuple": lambda secret: (secret,),
    "set": lambda secret: {secret},
    "dictionary": lambda secret: {"a": secret},
    "key of a dictionary": lambda secret: {secret: 1},
    "deep": lambda secret: {"a": [{"b": (f"x {secret}",)}]},
    "exception": lambda secret: ValueError(f"no {secret}"),
    "exceptions": lambda secret: [ValueError(secret)],
    "object": Told,
}


@in_each_format
@pytest.mark.parametrize("shape", SHAPES)
def test_the_api_key_never_comes_out(
    log_format: str, written: Callable[[], str], shape: str
) -> None:
    log = logger(log_format=log_format)
    log.warning("provider.blocked", reason=SHAPES[shape](KEY))
    assert not comes_out(KEY, written())


@in_each_format
@pytest.mark.parametrize("shape", SHAPES)
def test_a_password_in_a_url_never_comes_out(
    log_format: str, written: Callable[[], str], shape: str
) -> None:
    log = logger(log_format=log_format)
    log.warning("provider.blocked", reason=SHAPES[shape](URL))
    assert not comes_out(PASSWORD, written())


@in_each_format
@pytest.mark.parametrize(("secret", "text"), [(KEY, KEY), (PASSWORD, URL)], ids=["key", "url"])
def test_a_secret_in_a_traceback_never_comes_out(
    log_format: str, written: Callable[[], str], secret: str, text: str
) -> None:
    log = logger(log_format=log_format)
    try:
        try:
            fail(text)
        except ValueError as error:
            raise RuntimeError("delivery failed") from error
    except RuntimeError:
        log.exception("delivery.dead")
    assert not comes_out(secret, written())


@in_each_format
def test_a_traceback_still_says_what_went_wrong(
    log_format: str, written: Callable[[], str]
) -> None:
    log = logger(log_format=log_format)
    try:
        fail("what went wrong")
    except ValueError:
        log.exception("delivery.dead")
    assert "ValueError: what went wrong" in written()


@in_each_format
def test_a_variable_that_a_traceback_passes_never_comes_out(
    log_format: str, written: Callable[[], str]
) -> None:
    log = logger(log_format=log_format)
    environment = {"WANDB_API_KEY": KEY}
    try:
        fail(", ".join(environment))
    except ValueError:
        log.exception("delivery.dead")
    assert not comes_out(KEY, written())


@in_each_format
def test_a_secret_in_bound_context_never_comes_out(
    log_format: str, written: Callable[[], str]
) -> None:
    log = logger(log_format=log_format)
    structlog.contextvars.bind_contextvars(uri=URL)
    log.info("daemon.ready")
    assert not comes_out(PASSWORD, written())


@in_each_format
def test_a_secret_in_the_events_name_never_comes_out(
    log_format: str, written: Callable[[], str]
) -> None:
    log = logger(log_format=log_format)
    event = f"using {KEY}"
    log.info(event)
    assert not comes_out(KEY, written())


def test_numbers_and_flags_stay_what_they_are(written: Callable[[], str]) -> None:
    logger().info("delivery.delivered", attempts=2, late=False, url=None, share=0.5)
    line = json.loads(written())
    assert [line[key] for key in ("attempts", "late", "url", "share")] == [2, False, None, 0.5]


def test_lists_and_dictionaries_stay_what_they_are(written: Callable[[], str]) -> None:
    logger().info("delivery.content_adjusted", adjusted=["a", {"b": [1, "c"]}])
    assert json.loads(written())["adjusted"] == ["a", {"b": [1, "c"]}]


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("http://user:pass@h/p", f"http://{HIDDEN}@h/p"),
        ("https://token@h", f"https://{HIDDEN}@h"),
        ("http://user:p@ss@h", f"http://{HIDDEN}@h"),
        ("from http://a:b@h to http://c:d@i", f"from http://{HIDDEN}@h to http://{HIDDEN}@i"),
        ("http://h/p?mail=a@b.example", "http://h/p?mail=a@b.example"),
        ("mail a@b.example", "mail a@b.example"),
        ("http://h:5000/a", "http://h:5000/a"),
    ],
)
def test_only_the_user_part_of_a_url_is_hidden(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@given(st.text(), st.text(), st.from_regex(r"[0-9a-f]{40}", fullmatch=True))
@for_all
def test_a_secret_is_hidden_wherever_it_stands(before: str, after: str, secret: str) -> None:
    assert secret not in redact(f"{before}{secret}{after}{secret}", (secret,))
