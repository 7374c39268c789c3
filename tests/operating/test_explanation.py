"""Every state of a delivery in words, with what to do about it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.operating import explanation
from fairmind_sync.operating.explanation import Explanation
from fairmind_sync.outbox import deletion, heartbeat, retry_discard
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.results.states import BLOCKED, OFFLINE
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import ALIVE_FOR, outbox_table
from tests.operating.standing import note, pause, record_dead, record_delivered, record_retry
from tests.support.clock import NOW
from tests.support.databases import store_of
from tests.support.deliveries import LEASE, claim, save

pytestmark = pytest.mark.mostly_sqlite
MINUTE = timedelta(minutes=1)
START = "No daemon is running. Run: fairmind-sync run"
FIX = "Fix that; it is tried again within 2 minutes, or by: fairmind-sync resume mlflow"
WAYS = (BLOCKED, OFFLINE)
saved = pytest.mark.usefixtures("_saved", "_daemon")
saved_without_daemon = pytest.mark.usefixtures("_saved")


@pytest.fixture
def _saved(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t")


@pytest.fixture
def _daemon(engine: Engine) -> None:
    with writing(engine) as connection:
        heartbeat.Heartbeat().start(connection, NOW)


def explain(configured: Settings, now: datetime = NOW) -> Explanation:
    (found,) = explanation.explain(store_of(configured), configured, "t", now)
    return found


def words(configured: Settings, now: datetime = NOW) -> tuple[str, str | None]:
    found = explain(configured, now)
    return found.state, found.what_to_do


@saved
def test_what_is_delivered_is_at_its_url(engine: Engine, configured: Settings) -> None:
    record_delivered(engine, "https://mlflow.example/run-1")
    assert words(configured) == ("It is at mlflow: https://mlflow.example/run-1", None)


@saved
def test_what_is_delivered_and_has_no_page_is_at_its_run(
    engine: Engine, configured: Settings
) -> None:
    record_delivered(engine, None)
    assert words(configured) == ("It is at mlflow: run run-1", None)


@saved
def test_a_run_that_was_deleted_there_is_told_as_such(engine: Engine, configured: Settings) -> None:
    record_delivered(engine, "https://mlflow.example/run-1")
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(last_error_kind="run_deleted"))
    said = "It was at mlflow, and somebody deleted it there: https://mlflow.example/run-1"
    assert words(configured) == (said, None)


def test_what_is_undecided_waits_for_the_right_providers(
    engine: Engine, configured: Settings
) -> None:
    save(engine, "undecided", test_id="t")
    assert words(configured) == (
        "It waits: nobody knows yet for which providers.",
        "Run the daemon, or drain, with the right MLOPS_PROVIDER.",
    )


@saved
def test_what_is_discarded_needs_nothing(engine: Engine, configured: Settings) -> None:
    with writing(engine) as connection:
        retry_discard.discard(connection, [1], "withdrawn", NOW)
    assert words(configured) == ("It was given up and won't be sent.", None)


@saved
def test_what_is_discarded_says_why(engine: Engine, configured: Settings) -> None:
    with writing(engine) as connection:
        retry_discard.discard(connection, [1], "withdrawn", NOW)
    assert explain(configured).last_error == "it was given up: withdrawn"


@saved
def test_a_deleted_result_is_explained_all_the_same(engine: Engine, configured: Settings) -> None:
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW)
    assert explain(configured).last_error == "it was given up: the result was deleted"


@saved
def test_what_is_dead_is_retried_when_its_reason_is_fixed(
    engine: Engine, configured: Settings
) -> None:
    record_dead(engine)
    assert words(configured) == (
        "mlflow did not take it, and it won't be tried again by itself.",
        "Fix the reason, then run: fairmind-sync retry 1",
    )


@saved_without_daemon
def test_what_a_provider_that_is_not_enabled_would_get_waits_for_the_setting(
    configured: Settings,
) -> None:
    only_wandb = configured.model_copy(update={"provider": "wandb"})
    assert words(only_wandb) == (
        "It waits, but mlflow is not enabled.",
        "Add mlflow to MLOPS_PROVIDER.",
    )


@saved_without_daemon
def test_what_is_being_sent_needs_nothing(engine: Engine, configured: Settings) -> None:
    claim(engine)
    assert words(configured) == ("It is being sent at this moment.", None)


@saved
def test_what_lost_its_worker_is_next(engine: Engine, configured: Settings) -> None:
    claim(engine, now=NOW - LEASE)
    assert words(configured) == ("It is next.", None)


@saved
def test_what_is_due_is_next(configured: Settings) -> None:
    assert words(configured) == ("It is next.", None)


@saved_without_daemon
def test_what_is_due_needs_a_daemon(configured: Settings) -> None:
    assert words(configured) == ("It is next.", START)


@saved
def test_a_daemon_that_gave_no_sign_lately_is_none(configured: Settings) -> None:
    assert words(configured, NOW + ALIVE_FOR) == ("It is next.", START)


@saved
def test_what_failed_waits_for_its_next_try(engine: Engine, configured: Settings) -> None:
    record_retry(engine, NOW + MINUTE)
    assert words(configured) == ("It waits for its next try, after 1 that failed.", None)


@saved_without_daemon
def test_what_failed_needs_a_daemon(engine: Engine, configured: Settings) -> None:
    record_retry(engine, NOW + MINUTE)
    assert words(configured) == ("It waits for its next try, after 1 that failed.", START)


@saved
def test_an_offline_provider_needs_nothing(engine: Engine, configured: Settings) -> None:
    note(engine, OFFLINE)
    assert words(configured) == ("It waits: mlflow is offline: no route", None)


@saved_without_daemon
def test_an_offline_provider_needs_a_daemon(engine: Engine, configured: Settings) -> None:
    note(engine, OFFLINE)
    assert words(configured) == ("It waits: mlflow is offline: no route", START)


@saved
def test_a_blocked_provider_needs_a_remedy(engine: Engine, configured: Settings) -> None:
    note(engine, BLOCKED)
    assert words(configured) == ("It waits: mlflow is blocked: wrong key", FIX)


@saved_without_daemon
def test_a_blocked_provider_needs_a_daemon_too(engine: Engine, configured: Settings) -> None:
    note(engine, BLOCKED)
    assert words(configured) == ("It waits: mlflow is blocked: wrong key", START)


@saved
@pytest.mark.parametrize("then", [None, *WAYS])
def test_a_paused_provider_is_to_be_resumed(
    engine: Engine, configured: Settings, then: str | None
) -> None:
    pause(engine)
    if then:
        note(engine, then)
    assert words(configured) == (
        "It waits: mlflow is paused.",
        "Run: fairmind-sync resume mlflow",
    )


@saved
def test_the_next_try_is_when_it_falls_due(engine: Engine, configured: Settings) -> None:
    record_retry(engine, NOW + MINUTE)
    assert explain(configured).next_try == NOW + MINUTE


@saved
def test_the_next_try_is_not_before_the_providers_probe(
    engine: Engine, configured: Settings
) -> None:
    note(engine, OFFLINE, after=5 * MINUTE)
    assert explain(configured).next_try == NOW + 5 * MINUTE


@saved
def test_the_next_try_is_not_before_it_falls_due(engine: Engine, configured: Settings) -> None:
    record_retry(engine, NOW + 10 * MINUTE)
    note(engine, OFFLINE, after=MINUTE)
    assert explain(configured).next_try == NOW + 10 * MINUTE


@saved
def test_while_it_is_paused_there_is_no_next_try(engine: Engine, configured: Settings) -> None:
    pause(engine)
    assert explain(configured).next_try is None


@saved
def test_what_is_delivered_has_no_next_try(engine: Engine, configured: Settings) -> None:
    record_delivered(engine, None)
    assert explain(configured).next_try is None


@saved
def test_what_is_dead_has_no_next_try(engine: Engine, configured: Settings) -> None:
    record_dead(engine)
    assert explain(configured).next_try is None


@saved
@pytest.mark.parametrize("kind", ErrorKind)
def test_a_kind_of_error_is_put_into_words(
    engine: Engine, configured: Settings, kind: ErrorKind
) -> None:
    record_dead(engine, kind)
    assert explain(configured).last_error == f"{kind.words}: no"


@saved
def test_an_error_of_an_unknown_kind_is_given_as_it_is(
    engine: Engine, configured: Settings
) -> None:
    record_dead(engine)
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(last_error_kind="of a later version"))
    assert explain(configured).last_error == "no"


@saved
def test_what_never_failed_has_no_error(configured: Settings) -> None:
    assert explain(configured).last_error is None


@saved
def test_every_attempt_is_told(engine: Engine, configured: Settings) -> None:
    record_retry(engine, NOW)
    claim(engine)
    assert [one.outcome for one in explain(configured).attempts] == [
        "retry",
        None,
    ]


def test_each_delivery_is_explained_newest_first(engine: Engine, configured: Settings) -> None:
    save(engine, "wandb", "mlflow", test_id="t", results={"revision": 1})
    save(engine, "mlflow", test_id="t", results={"revision": 2})
    found = explanation.explain(store_of(configured), configured, "t", NOW)
    assert [(one.delivery.provider, one.delivery.revision) for one in found] == [
        ("mlflow", 2),
        ("wandb", 1),
        ("mlflow", 1),
    ]


@pytest.mark.usefixtures("_saved")
def test_of_an_unknown_test_there_is_nothing_to_explain(configured: Settings) -> None:
    assert explanation.explain(store_of(configured), configured, "unknown", NOW) == []
