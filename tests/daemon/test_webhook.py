"""What the webhook is told, once, signed, and again until it is taken."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, update

from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.daemon.webhook import Webhook
from fairmind_sync.outbox import deletion, outcomes, provider_state, webhook_events
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.storage.tables import webhook_events_table
from fairmind_sync.testing import new_result
from tests.standins.receiver import Receiver, receiving
from tests.support.databases import rows
from tests.support.deliveries import claim, save
from tests.support.log_events import captured_logs

MINUTE = timedelta(minutes=1)
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def settings_of(engine: Engine, receiver: Receiver, **more: Any) -> Settings:
    url = engine.url.render_as_string(hide_password=False)
    told: dict[str, Any] = {
        "provider": "both",
        "database_url": url,
        "webhook_url": SecretStr(receiver.url),
    }
    return Settings(**(told | more))


@pytest.fixture
def webhook(engine: Engine, receiver: Receiver) -> Webhook:
    """It has begun: what comes now is news."""
    found = Webhook(engine, settings_of(engine, receiver), lambda: False)
    found.look()
    return found


def offline(engine: Engine, minutes: int) -> datetime:
    since = current_time(engine) - minutes * MINUTE
    with writing(engine) as connection:
        provider_state.note_offline(
            connection, "wandb", "no route", after=MINUTE, chance=Random(1), now=since
        )
    return since


def die(engine: Engine, test_id: str, error: str = "too long") -> None:
    now = current_time(engine)
    save(engine, "mlflow", test_id=test_id, now=now)
    (delivery,) = claim(engine, now=now)
    with writing(engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, error, now)


def make_due(engine: Engine) -> None:
    table = webhook_events_table
    with writing(engine) as connection:
        due = update(table).where(table.c.due_at.is_not(None))
        connection.execute(due.values(due_at=current_time(engine)))


@pytest.mark.both_databases
def test_a_provider_that_is_offline_for_long_is_told_once(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    since = offline(engine, 16)
    save(engine, "wandb")
    for _ in range(2):
        webhook.look()
    (told,) = receiver.taken
    assert told["type"] == "provider.offline"
    assert told["text"] == (
        "wandb has been offline for 16 min, 1 delivery waits: no route. See: fairmind-sync status"
    )
    assert told["data"]["since"] == since.isoformat()


def test_a_provider_that_is_offline_for_a_while_is_not_told(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    offline(engine, 14)
    webhook.look()
    assert receiver.taken == []


def test_a_provider_that_is_back_is_told_if_its_absence_was(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    offline(engine, 16)
    webhook.look()
    with writing(engine) as connection:
        provider_state.note_ready(connection, "wandb", current_time(engine))
    for _ in range(2):
        webhook.look()
    assert receiver.kinds == ["provider.offline", "provider.ready"]


def test_a_paused_provider_is_not_told(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    offline(engine, 16)
    with writing(engine) as connection:
        provider_state.pause(connection, "wandb", current_time(engine))
    webhook.look()
    assert receiver.taken == []


@pytest.mark.both_databases
def test_what_died_of_one_cause_is_told_together(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    for number in range(3):
        die(engine, f"t{number}")
    for _ in range(2):
        webhook.look()
    assert [(one["type"], one["data"]["count"]) for one in receiver.taken] == [
        ("deliveries.dead", 3)
    ]


def test_what_died_is_told_with_one_test_its_error_and_where_all_are(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    settings = settings_of(engine, receiver, public_url="https://sync.example")
    die(engine, "one")
    die(engine, "two", "too long " * 100)
    Webhook(engine, settings, lambda: False).look()
    ((data, text),) = [(one["data"], one["text"]) for one in receiver.taken]
    assert (data["test_id"], len(data["error"])) == ("two", webhook_events.LONGEST_ERROR)
    assert data["url"] == "https://sync.example/deliveries?status=dead&provider=mlflow"
    assert text == (
        "mlflow will not get the results of 2 deliveries, such as test two: the provider refuses this "
        "result. See: fairmind-sync runs --status dead --provider mlflow. "
        f"The error of test two: {data['error']}"
    )


@pytest.mark.both_databases
def test_an_event_that_waits_holds_no_words_of_a_provider(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    """Such words may repeat a payload, and go with the result."""
    receiver.status = 500
    die(engine, "one", "private words")
    webhook.look()
    now = current_time(engine)
    with writing(engine) as connection:
        deletion.delete(connection, "one", new_result().user_id, now)
    make_due(engine)
    webhook.look()
    first, second = map(str, receiver.taken)
    assert ("private words" in first, "private words" in second) == (True, False)
    assert "private words" not in str(rows(engine, webhook_events_table))


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("risk", "kinds"),
    [("critical", ["result.at_risk"]), ("high", ["result.at_risk"]), ("medium", []), ("odd", [])],
)
def test_a_result_at_risk_is_told(
    engine: Engine, receiver: Receiver, webhook: Webhook, risk: str, kinds: list[str]
) -> None:
    now = current_time(engine)
    save(engine, test_id="t", model_id="m", now=now, results={"overall_risk": risk})
    for _ in range(2):
        webhook.look()
    assert receiver.kinds == kinds


def test_a_result_leads_to_its_page(engine: Engine, receiver: Receiver, webhook: Webhook) -> None:
    settings = settings_of(engine, receiver, public_url="https://sync.example")
    save(
        engine, test_id="a b", user_id="u", now=current_time(engine), results={"risk_level": "high"}
    )
    Webhook(engine, settings, lambda: False).look()
    (told,) = receiver.taken
    assert told["data"]["url"] == "https://sync.example/result?test_id=a+b&user_id=u&revision=1"
    see = "See: fairmind-sync results show 'a b' --user-id u"
    assert told["text"] == f"Test a b of model model-1: high risk. {see}"


def test_risks_can_be_left_untold(engine: Engine, receiver: Receiver, webhook: Webhook) -> None:
    save(engine, now=current_time(engine), results={"overall_risk": "critical"})
    Webhook(engine, settings_of(engine, receiver, webhook_risk="off"), lambda: False).look()
    assert receiver.taken == []


def test_what_was_there_before_the_webhook_is_not_told(engine: Engine, receiver: Receiver) -> None:
    save(engine, now=current_time(engine) - MINUTE, results={"overall_risk": "critical"})
    Webhook(engine, settings_of(engine, receiver), lambda: False).look()
    assert receiver.taken == []


def test_a_signature_is_that_of_standard_webhooks(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    settings = settings_of(engine, receiver, webhook_secret=SecretStr(SECRET))
    offline(engine, 16)
    Webhook(engine, settings, lambda: False).look()
    (headers,), (body,) = receiver.headers, receiver.bodies
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(SECRET.removeprefix("whsec_"))
    expected = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert SECRET not in str(headers)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_an_event_that_is_not_taken_is_sent_again_under_its_id(
    engine: Engine, receiver: Receiver, webhook: Webhook, status: int
) -> None:
    receiver.status, receiver.location = status, "/elsewhere"
    offline(engine, 16)
    with captured_logs() as events:
        webhook.look()
    assert [one["event"] for one in events] == ["webhook.refused"]
    webhook.look()
    assert len(receiver.taken) == 1
    receiver.status = 200
    make_due(engine)
    webhook.look()
    first, second = (headers["webhook-id"] for headers in receiver.headers)
    assert first == second
    (event,) = [one for one in rows(engine, webhook_events_table) if one.sent_at]
    assert (event.due_at, event.attempts, event.last_error) == (None, 2, None)


def test_an_event_that_nobody_takes_is_given_up_after_a_day(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    receiver.status = 500
    with writing(engine) as connection:
        old = current_time(engine) - webhook_events.GIVE_UP
        webhook_events.add(connection, "k", {"type": "x"}, old)
    webhook.look()
    make_due(engine)
    webhook.look()
    assert len(receiver.taken) == 1


def test_a_receiver_that_is_away_is_told_of_in_the_log(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    settings = settings_of(engine, receiver, webhook_url=SecretStr("http://127.0.0.1:9/s3cret"))
    offline(engine, 16)
    with captured_logs() as events:
        Webhook(engine, settings, lambda: False).look()
    (event,) = events
    assert "can't be reached" in event["reason"]
    assert "s3cret" not in str(event)


def test_a_daemon_that_stops_sends_nothing_more(
    engine: Engine, receiver: Receiver, webhook: Webhook
) -> None:
    offline(engine, 16)
    Webhook(engine, settings_of(engine, receiver), lambda: True).look()
    assert receiver.taken == []


def test_what_is_over_is_forgotten_after_a_month(engine: Engine, webhook: Webhook) -> None:
    now = current_time(engine)
    with writing(engine) as connection:
        webhook_events.add(connection, "old", {}, now - webhook_events.KEPT - MINUTE)
        webhook_events.add(connection, "new", {}, now)
    webhook.look()
    Housekeeping(engine).tidy()
    assert [one.event_key for one in rows(engine, webhook_events_table)] == ["begin", "new"]


def test_a_look_that_finds_nothing_writes_nothing(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_engine: Engine) -> None:
        raise AssertionError("it writes")

    monkeypatch.setattr("fairmind_sync.daemon.webhook.writing", fail)
    webhook.look()
