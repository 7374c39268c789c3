"""The verb that tries the webhook, and the doctor's word on it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from fairmind_sync.operating.webhook_check import webhook_findings
from fairmind_sync.outbox import webhook_events
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, writing
from tests.standins.receiver import Receiver, receiving
from tests.support.processes import command

ADDRESS = SecretStr("https://hooks.example/x")
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def env_of(receiver: Receiver, **more: str) -> dict[str, str]:
    return {"FAIRMIND_SYNC_WEBHOOK_URL": receiver.url, "MLOPS_PROVIDER": "none", **more}


def test_a_test_event_is_sent_signed_and_the_answer_is_told(receiver: Receiver) -> None:
    env = env_of(receiver, FAIRMIND_SYNC_WEBHOOK_SECRET=SECRET)
    told = json.loads(command("webhook", "test", "--json", env=env).stdout)
    assert receiver.kinds == ["webhook.test"]
    assert receiver.headers[0]["webhook-signature"].startswith("v1,")
    assert (told["taken"], told["status"], told["signed"]) == (True, 204, True)


def test_a_page_that_the_receiver_answers_is_told_on_one_line(receiver: Receiver) -> None:
    receiver.status, receiver.says = 501, "<html>\n<h1>Error</h1>\n<p>no POST</p></html>"
    ended = command("webhook", "test", env=env_of(receiver), check=False)
    assert "it said: Error no POST\n" in ended.stdout


def test_an_event_that_is_not_taken_is_told_with_what_the_receiver_says(receiver: Receiver) -> None:
    receiver.status, receiver.says = 400, f"no such hook: {receiver.url}"
    ended = command("webhook", "test", env=env_of(receiver), check=False)
    assert ended.returncode == 1
    assert "unsigned, as FAIRMIND_SYNC_WEBHOOK_SECRET is not set" in ended.stdout
    assert "the receiver answered 400" in ended.stdout
    assert ("it said: no such hook:" in ended.stdout, receiver.url in ended.stdout) == (True, False)


def test_without_an_address_the_variable_is_named() -> None:
    ended = command("webhook", "test", env={"MLOPS_PROVIDER": "none"}, check=False)
    assert "Set FAIRMIND_SYNC_WEBHOOK_URL" in ended.stderr


def test_the_doctor_says_whether_somebody_is_told(engine: Engine) -> None:
    (none,) = webhook_findings(engine, Settings())
    (found,) = webhook_findings(engine, Settings(webhook_url=ADDRESS))
    assert ("none is set" in none.detail, found.detail) == (
        True,
        "set, unsigned; nothing was told yet. Try: fairmind-sync webhook test",
    )


@pytest.mark.parametrize(
    ("status", "words"), [(204, "it took its last event at"), (500, "nothing was")]
)
def test_the_doctor_knows_of_a_test_event_that_was_taken(
    engine: Engine, receiver: Receiver, status: int, words: str
) -> None:
    receiver.status = status
    url = engine.url.render_as_string(hide_password=False)
    command("webhook", "test", env=env_of(receiver, FAIRMIND_SYNC_DATABASE_URL=url), check=False)
    (found,) = webhook_findings(engine, Settings(webhook_url=ADDRESS))
    assert words in found.detail


def test_a_test_event_needs_no_database(receiver: Receiver) -> None:
    env = env_of(receiver, FAIRMIND_SYNC_DATABASE_URL="sqlite:////proc/no/such.db")
    assert "the receiver took it" in command("webhook", "test", env=env).stdout


def test_the_doctor_says_that_events_are_not_taken(engine: Engine) -> None:
    now = current_time(engine)
    with writing(engine) as connection:
        webhook_events.add(connection, "k", {"type": "x"}, now)
        event = webhook_events.take(connection, now)
        assert event is not None
        webhook_events.note_refused(connection, event, "the receiver answered 500", now)
    (found,) = webhook_findings(engine, Settings(webhook_url=ADDRESS))
    assert (found.is_ok, found.detail) == (
        False,
        "1 event not taken: the receiver answered 500",
    )
