"""The status page as a browser visits it, with a daemon behind it or without, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from fairmind_sync.operating import actions
from fairmind_sync.outbox import outcomes, retry_discard, samples
from fairmind_sync.results.delivery import Run
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import current_time, writing
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import store_of
from tests.support.deliveries import claim, dead, save
from tests.support.pages import served
from tests.support.processes import running_daemon

RESULT = "/result?test_id=shown"
MODEL = "/model?model_id=model-1"
LIST = "/deliveries"
COMPARED = "/compare?model_id=model-1&model_id=model-2"
CONFIRM = "/deliveries/confirm?do=discard&all=1&status=dead"
LONG_RUN = Run("run-1", f"https://mlflow.example/#/experiments/{'1234567890' * 8}/runs/run-1")
PAGES = (
    "/",
    LIST,
    f"{LIST}?status=dead&q=test&sort=oldest",
    CONFIRM,
    RESULT,
    "/result?test_id=judged",
    "/result?test_id=arrived",
    "/models",
    MODEL,
    f"{MODEL}&metric=accuracy",
    COMPARED,
    "/operators",
    "/sign-in",
)
REPORT = "/report?test_id=shown"
"""A page of another kind: it has no controls, and its own look."""

JUDGED = {
    "overall_risk": "high",
    "metrics": {"parity_difference": {"value": 0.25, "threshold": 0.1, "passed": False}},
    "by_group": {
        "gender": {
            "female": {"selection_rate": 0.35, "count": 400},
            "male": {"selection_rate": 0.6, "count": 420},
        }
    },
    "recommendations": ["Measure again after the next release."],
}
"""A result that states a verdict, a threshold and two groups, one of them below four fifths."""


@dataclass(frozen=True)
class Site:
    """`mlflow` is paused, so that nothing on the page changes by itself. `stop` ends what answers."""

    url: str
    engine: Engine
    settings: Settings
    stop: Callable[[], object]

    def visit(self, page: Page, path: str = LIST) -> None:
        page.goto(self.url + path)

    def save(self, test_id: str) -> None:
        save(self.engine, "mlflow", test_id=test_id)

    def await_refresh(self, page: Page) -> None:
        """Until the page shows, by itself, what was saved just now."""
        test_id = new_result().test_id
        self.save(test_id)
        expect(page.get_by_role("link", name=test_id, exact=True)).to_be_visible()


@contextmanager
def open_site(engine: Engine, **changes: Any) -> Iterator[Site]:
    """The page without a daemon: nothing is delivered."""
    settings = _settings(engine, **changes)
    with ExitStack() as stack:
        url = stack.enter_context(served(settings))
        yield Site(url, engine, settings, stack.close)


@contextmanager
def open_live_site(engine: Engine, place: Path, mlflow_uri: str) -> Iterator[Site]:
    """The page of a daemon, which delivers to a real MLflow server once that is resumed."""
    settings = _settings(engine)
    env = {
        "MLOPS_PROVIDER": "mlflow",
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "MLFLOW_EXPERIMENT_NAME": place.name,
        "FAIRMIND_SYNC_DATABASE_URL": settings.database_url,
    }
    with running_daemon(env, place) as daemon:
        yield Site(daemon.url, engine, settings, daemon.stop)


def _settings(engine: Engine, **changes: Any) -> Settings:
    url = engine.url.render_as_string()
    actions.pause(store_of(Settings(database_url=url)), "mlflow")
    return Settings(provider="mlflow", database_url=url, **changes)


def furnish(engine: Engine) -> None:
    """Something of each kind for `PAGES` to show; long names and errors are among it."""
    save(engine, "mlflow", test_id="arrived")
    (arrived,) = claim(engine)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, arrived, LONG_RUN, "somewhere", NOW)
    dead(engine, "the run is too large: " + "metrics/group/name=0.123456789;" * 12)
    given_up = dead(engine)
    with writing(engine) as connection:
        retry_discard.discard(connection, [given_up.id], "superseded", NOW)
    save(engine, "mlflow", test_id="a-test-whose-name-has-no-end/" * 10)
    for number in range(8):
        save(
            engine,
            "mlflow",
            now=NOW + timedelta(days=number),
            test_id="shown" if number == 0 else f"nightly-{number}",
            results={"accuracy": 0.8 + number / 100, "bias_score": 0.1, "parity": {"race": 0.9}},
        )
    numbers = {"accuracy": 0.7, "bias_score": 0.2, "parity": {"race": 0.8}}
    save(engine, "mlflow", test_id="shown", results=numbers)
    save(engine, "mlflow", test_id="judged", model_id="model-2", results=JUDGED)
    with writing(engine) as connection:
        for hours in range(24):
            samples.take(connection, current_time(engine) - timedelta(hours=23 - hours))
