"""What FairMind imports to ask, to log by hand and to look runs up."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import NoReturn

import pytest
from sqlalchemy import Engine

from fairmind_sync import mlops_integration as service
from fairmind_sync.errors import PayloadError
from fairmind_sync.outbox.heartbeat import Heartbeat
from fairmind_sync.providers.base import Dead, Retry
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import current_settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import results_table
from fairmind_sync.testing import FakeProvider
from tests.support.by_hand import DISABLED, beat, delivering, log
from tests.support.clock import Clock
from tests.support.databases import rows
from tests.support.deliveries import RUN, delivered

pytestmark = pytest.mark.both_databases


@pytest.fixture(autouse=True)
def backend(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a backend with MLflow."""
    monkeypatch.setenv("FAIRMIND_SYNC_DATABASE_URL", database_url)
    provide(monkeypatch, "mlflow")


@pytest.fixture
def heart(engine: Engine) -> None:
    """A daemon that is alive."""
    beat(engine)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_seconds: float) -> NoReturn:
        raise AssertionError("it waits")

    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=time.monotonic, sleep=refuse))


def provide(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", provider)
    current_settings.cache_clear()


@pytest.mark.parametrize(
    ("provider", "expected"), [("none", False), ("wandb", True), ("mlflow", True), ("both", True)]
)
def test_the_integration_is_enabled_by_naming_a_provider(
    provider: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide(monkeypatch, provider)
    assert service.is_enabled() is expected


def test_the_status_of_both_providers_says_where_runs_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_ENTITY", "team")
    provide(monkeypatch, "both")
    assert service.get_status() == {
        "provider": "both",
        "wandb": {"enabled": True, "project": "fairmind-bias-detection", "entity": "team"},
        "mlflow": {
            "enabled": True,
            "tracking_uri": "http://localhost:5000",
            "experiment_name": "fairmind_bias_detection",
        },
    }


def test_the_status_of_a_disabled_provider_says_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provide(monkeypatch, "none")
    assert service.get_status() == {
        "provider": "none",
        "wandb": {"enabled": False, "project": None, "entity": None},
        "mlflow": {"enabled": False, "tracking_uri": None, "experiment_name": None},
    }


def test_the_status_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret-key")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:secret-word@mlflow.example")
    provide(monkeypatch, "both")
    assert "secret" not in str(service.get_status())


def test_where_nothing_is_enabled_both_are_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    provide(monkeypatch, "none")
    assert log() == {"wandb": DISABLED, "mlflow": DISABLED}


def test_where_nothing_is_enabled_nothing_is_saved(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide(monkeypatch, "none")
    log()
    assert rows(engine, results_table) == []


@pytest.mark.usefixtures("no_waiting")
def test_without_a_daemon_the_delivery_is_pending_at_once() -> None:
    assert log() == {
        "wandb": DISABLED,
        "mlflow": DISABLED | {"enabled": True, "status": "pending", "delivery_id": 1},
    }


@pytest.mark.usefixtures("no_waiting")
def test_a_daemon_that_died_is_not_waited_for(engine: Engine) -> None:
    with writing(engine) as connection:
        Heartbeat().start(connection, datetime.now(UTC) - timedelta(minutes=1))
    assert log()["mlflow"]["status"] == "pending"


@pytest.mark.usefixtures("heart", "no_waiting")
def test_who_does_not_want_to_wait_has_an_answer_at_once() -> None:
    assert log(wait=0)["mlflow"]["status"] == "pending"


@pytest.mark.usefixtures("heart")
def test_a_delivery_that_stays_pending_is_waited_for_no_longer_than_asked() -> None:
    assert log(wait=0.2)["mlflow"]["status"] == "pending"


@pytest.mark.usefixtures("heart")
def test_a_delivered_run_has_an_id_and_a_url(engine: Engine) -> None:
    provider = FakeProvider()
    with delivering(engine, provider):
        logged = log()["mlflow"]
    (key,) = provider.runs
    assert logged == {
        "enabled": True,
        "success": True,
        "status": "delivered",
        "delivery_id": 1,
        "run_id": f"run-{key}",
        "url": f"https://fake.example/run-{key}",
    }


@pytest.mark.usefixtures("heart")
def test_both_providers_are_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    provide(monkeypatch, "both")
    with delivering(engine, FakeProvider("wandb")), delivering(engine, FakeProvider("mlflow")):
        logged = log()
    assert [logged[name]["status"] for name in ("wandb", "mlflow")] == ["delivered"] * 2


@pytest.mark.usefixtures("heart")
def test_a_refused_delivery_says_why(engine: Engine) -> None:
    with delivering(engine, FakeProvider(script=[Dead(ErrorKind.REJECTED, "too large")])):
        logged = log()["mlflow"]
    assert (logged["success"], logged["status"], logged["error"]) == (False, "dead", "too large")


def test_a_delivery_that_failed_once_says_why_and_stays_pending(engine: Engine) -> None:
    log()
    failing = FakeProvider(script=[Retry(ErrorKind.UNCERTAIN, "500")])
    Relay(engine, failing, max_attempts=3, clock=Clock(datetime.now(UTC))).drain()
    logged = log()["mlflow"]
    assert (logged["success"], logged["status"], logged["error"]) == (False, "pending", "500")


@pytest.mark.usefixtures("no_waiting")
def test_what_was_delivered_before_is_answered_at_once(engine: Engine) -> None:
    log()
    Relay(engine, FakeProvider(), max_attempts=3).drain()
    assert log()["mlflow"]["success"] is True


def test_a_provider_that_is_not_enabled_any_more_is_reported_as_disabled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provide(monkeypatch, "both")
    log()
    provide(monkeypatch, "mlflow")
    assert log()["wandb"] == DISABLED


@pytest.mark.usefixtures("heart", "no_waiting")
def test_a_provider_that_is_not_enabled_any_more_is_not_waited_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide(monkeypatch, "both")
    log(wait=0)
    Relay(engine, FakeProvider("mlflow"), max_attempts=3).drain()
    provide(monkeypatch, "mlflow")
    assert log()["mlflow"]["success"] is True


def test_a_result_logged_by_hand_keeps_its_user_and_dataset(engine: Engine) -> None:
    log(user_id="ann", dataset_id="census", metadata={"by": "hand"})
    (row,) = rows(engine, results_table)
    assert (row.user_id, row.dataset_id, row.metadata) == ("ann", "census", '{"by":"hand"}')


def test_a_result_that_can_not_be_stored_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"^results\.model "):
        log(results={"model": object()})


def test_a_runs_url_is_what_its_provider_gave(engine: Engine) -> None:
    delivered(engine)
    assert service.get_run_url("mlflow", RUN.id) == RUN.url


def test_a_runs_url_outlives_its_settings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(engine)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    provide(monkeypatch, "none")
    assert service.get_run_url("mlflow", RUN.id) == RUN.url


def test_a_run_that_is_not_known_has_no_url() -> None:
    assert service.get_run_url("mlflow", "nothing") is None


def test_a_run_without_a_page_has_no_url(engine: Engine) -> None:
    delivered(engine, type(RUN)(RUN.id, None))
    assert service.get_run_url("mlflow", RUN.id) is None
