"""Secrets are hidden in every form that a server, a library or a log could give them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairmind_sync.redaction import (
    HIDDEN,
    is_secret_name,
    passwords_in,
    redact,
    to_hide,
    without_user,
)
from fairmind_sync.text import shorten
from tests.support.values import for_all

SECRET = 'c@nary/"ö k\\ey+%1'  # noqa: S105 no secret
LONG = "0123456789abcdef"
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "a path's": quote,
    "a query's": lambda one: quote(one, safe=""),
    "a form's": quote_plus,
    "encoded twice": lambda one: quote(quote(one, safe=""), safe=""),
    "a query's, in small letters": lambda one: quote(one, safe="").lower(),
    "JSON": json.dumps,
    "JSON, readable": lambda one: json.dumps(one, ensure_ascii=False),
    "JSON in JSON": lambda one: json.dumps(json.dumps(one)),
    "Python": repr,
    "Python, ASCII": ascii,
    "Python, bytes": lambda one: repr(one.encode()),
    "HTML": html.escape,
}
USERS = ("api", "user", "a", "ab", "")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_is_hidden_in_each_form(form: str) -> None:
    told = FORMS[form](SECRET)
    assert HIDDEN in (hidden := redact(f"before {told} after", (SECRET,)))
    assert "ey" not in hidden


BASES: dict[str, Callable[[str], str]] = {
    "base64": encoded,
    "base64 of URLs": lambda one: encoded(one).replace("+", "-").replace("/", "_"),
    "base64 in a query": lambda one: quote(encoded(one), safe=""),
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("form", BASES)
def test_a_known_secret_is_hidden_within_base64(user: str, form: str) -> None:
    told = BASES[form](f"{user}:{SECRET}")
    assert redact(f"before {told} after", (SECRET,)) == f"before {HIDDEN} after"


@given(st.text(max_size=20), st.text(max_size=20), st.from_regex(r"[!-~]{12}", fullmatch=True))
@for_all
def test_no_base64_tells_a_known_secret(before: str, after: str, secret: str) -> None:
    told = encoded(f"{before}{secret}{after}".encode(errors="replace").decode())
    hidden = redact(told, (secret,))
    assert secret.encode()[1:-1] not in base64.b64decode(hidden.replace(HIDDEN, "") + "====")


@pytest.mark.parametrize(
    "shortened",
    [lambda text: shorten(text, 35), lambda text: text[:22], lambda text: f"{text[:22]}... (more)"],
    ids=["with a mark", "at the end", "with dots"],
)
def test_what_is_left_of_a_secret_that_was_cut_off_is_hidden(
    shortened: Callable[[str], str],
) -> None:
    assert "0123456" not in redact(shortened(f"the key is {LONG}, and more"), (LONG,))


def test_the_beginning_of_a_secret_stays_where_nothing_was_cut_off() -> None:
    assert redact("password wrong", ("password-of-mine",)) == "password wrong"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql+psycopg://h/d?password=hunter2&x=1", "postgresql+psycopg://h/d?password=#&x=1"),
        ("postgresql+psycopg://u:***@h/d?sslpassword=a", "postgresql+psycopg://u:***@h/d?sslpassword=#"),
        ("postgresql://h/d?user=u&passfile=/p", "postgresql://h/d?user=u&passfile=#"),
        ("https://h/?access_token=a&b=c", "https://h/?access_token=#&b=c"),
        ("https://h/?KEY=a;token=b", "https://h/?KEY=#;token=#"),
        ("postgresql://h/d?password=it's&x=1", "postgresql://h/d?password=#&x=1"),
        ("host=h password='it\\'s' user=u", "host=h password=# user=u"),
        ("TOKEN = abc", "TOKEN = #"),
        ('{"password": "a\\"b", "n": 1}', '{"password": "#", "n": 1}'),
        ("https://h/?x=1&X-Amz-Signature=a", "https://h/?x=1&X-Amz-Signature=#"),
        ("host=h password='a b' user=u", "host=h password=# user=u"),
        ("WANDB_API_KEY=a in the environment", "WANDB_API_KEY=# in the environment"),
        ('{"password": "a", "n": 1}', '{"password": "#", "n": 1}'),
        ("{'api_key': 'a'}", "{'api_key': '#'}"),
        ('{"said": "{\\"token\\": \\"a\\"}"}', '{"said": "{\\"token\\": \\"#\\"}"}'),
        ("you sent Basic dXNlcjpw, refused", "you sent Basic #, refused"),
        ("you sent bearer abc.def-g", "you sent bearer #"),
        ("Authorization: Bearer abc", "Authorization: Bearer #"),
        ("{'Authorization': 'Basic dXNl'}", "{'Authorization': 'Basic #'}"),
        ("Authorization: Negotiate abc def", "Authorization: #"),
        ("X-Api-Key: abc", "X-Api-Key: #"),
        ("Cookie: a=b; c=d", "Cookie: #"),
        ("http://h/?to=http%3A%2F%2Fu%3Ap%40i%2Fx", "http://h/?to=http%3A%2F%2F#%40i%2Fx"),
        ("postgresql://u:p@h/d", "postgresql://#@h/d"),
        ("postgresql+psycopg://u:p@ss@h/d", "postgresql+psycopg://#@h/d"),
        ("postgresql://u:p/w@h/d", "postgresql://#@h/d"),
        ("postgresql://u:p/w@r/d@h/d", "postgresql://#@h/d"),
        ("http://u:a%40b@h", "http://#@h"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_hidden(text: str, hidden: str) -> None:
    assert redact(text) == hidden.replace("#", HIDDEN)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication is needed",
        'WWW-Authenticate: Basic realm="mlflow"',
        "send FAIRMIND_SYNC_API_TOKEN as a bearer token, or sign in",
        "FAIRMIND_SYNC_API_TOKEN: must have at least 16 characters",
        "check WANDB_API_KEY, or run 'wandb login'",
        "http://h:5000/#/experiments/1/runs/abc@1",
        "sqlite:////home/me@work/x.db",
        "postgresql+psycopg://u:***@h/d",
        "write postgresql+psycopg://user@host/database",
        "postgresql://user@h:5432/d",
        "results/monkey=1",
        '{"event": "daemon.ready", "key": "value"}',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_line_of_json_stays_one() -> None:
    said = {"reason": 'password="a\\b" {"token": "x"} Basic dXNl\n Cookie: "a"', "n": 1}
    assert json.loads(redact(json.dumps(said), (SECRET,)))["n"] == 1


@pytest.mark.parametrize("unit", ["pass", "://a:b", "x-", "basic ", '"\\', "token=", "%2f", "a@"])
def test_a_long_hostile_text_takes_no_time(unit: str) -> None:
    """With a square of the length, this would take hours."""
    text = unit * (200_000 // len(unit))
    assert redact(text, (LONG,))


@pytest.mark.parametrize(
    ("password", "is_hidden"),
    [("password", True), ("mlflow", False), ("54321", False), ("p@ss1", True), ("a-1", False)],
)
def test_a_password_that_is_like_a_word_stays_readable(password: str, is_hidden: bool) -> None:
    assert bool(to_hide((), (password,))) is is_hidden


def test_a_secret_is_hidden_however_short_and_without_its_white_space() -> None:
    assert to_hide((" key\n", ""), ()) == ("key",)


def test_a_short_secret_takes_nothing_else_along() -> None:
    rest = "aGVsbG8gdGhlcmU= and %2F"
    assert redact(f"a monkey, {rest}", ("key",)) == f"a mon{HIDDEN}, {rest}"


def test_the_longest_secret_is_hidden_first() -> None:
    assert to_hide(("abcdefgh", "abcdefgh-abcdefgh"), ()) == ("abcdefgh-abcdefgh", "abcdefgh")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://user:p%40ss@h", {"p%40ss", "p@ss"}),
        ("http://user:p@ss@h", {"p@ss"}),
        ("http://token@h", {"token"}),
        ("postgresql://u:p/w@h/d", {"p/w"}),
        ("postgresql://h/d?password=a+b&user=u", {"a+b", "a b"}),
        ("http://h:5000/x@y", set()),
        ("http://h", set()),
    ],
)
def test_the_secrets_of_an_address_are_found(address: str, found: set[str]) -> None:
    assert set(passwords_in(address)) == found


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("WANDB_API_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("PGPASSWORD", True),
        ("AWS_ACCESS_KEY_ID", False),
        ("WANDB_IDENTITY_TOKEN_FILE", False),
        ("CREDENTIALS_DIRECTORY", False),
        ("PATH", False),
    ],
)
def test_a_variable_is_secret_by_its_name(name: str, is_one: bool) -> None:
    assert is_secret_name(name) is is_one


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://u:p@h:1/x?token=a&b=c", f"http://h:1/x?token={HIDDEN}&b=c"),
        ("postgresql://u:p/w@h/d", "postgresql://h/d"),
        ("http://h:5000/x@y", "http://h:5000/x@y"),
    ],
)
def test_an_address_is_shown_without_user_and_without_secret_parameters(
    address: str, shown: str
) -> None:
    assert without_user(address) == shown
