"""`python -m tests.pictures.cockpit`: pictures of the status page's pages, for the docs.

Fills a database with two months of results in all states; the pictures are those of `docs/pictures/cockpit`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import Browser
from sqlalchemy import Connection, Engine, insert

from fairmind_sync.clock import utc_now
from fairmind_sync.daemon.housekeeping import Housekeeping
from fairmind_sync.operating import actions
from fairmind_sync.outbox import claims, outcomes, provider_state, saving
from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from fairmind_sync.outbox.operator_log import Actor
from fairmind_sync.results.delivery import Delivery, Run
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.schema import ready_engine
from fairmind_sync.storage.tables import provider_samples_table
from fairmind_sync.testing import new_result
from tests.browser.chromium import chromium
from tests.support.pages import served

PLACE = Path(__file__).parents[2] / "daemon" / "docs" / "pictures" / "cockpit"
PAGES = {
    "overview": "/",
    "models": "/models",
    "model": "/model?model_id=credit-scoring-v3",
    "compare": "/compare?model_id=credit-scoring-v3&model_id=resume-ranker",
    "result": "/result?test_id=nightly-0419",
    "deliveries": "/deliveries?status=dead",
    "confirm": "/deliveries/confirm?do=retry&all=1&status=dead&provider=mlflow",
    "operators": "/operators",
    "docs": "/docs",
    "sign-in": "/sign-in",
}
_DRAWN_LAST = {"docs": "#swagger-ui .opblock"}
ON_A_PHONE = ("overview", "deliveries", "result")
NAMES = (*(f"{name}.jpg" for name in PAGES), *(f"{name}-phone.jpg" for name in ON_A_PHONE))
RESULTS = 420
_DESKTOP: Any = {"width": 1280, "height": 860}
_PHONE: Any = {"width": 390, "height": 844}
_MODELS = ("credit-scoring-v3", "resume-ranker", "chat-assistant", "insurance-pricing/eu")
_MINUTE, _DAYS = timedelta(minutes=1), timedelta(days=60)
_WAITING = 12
_OUTAGE = _DAYS * (_WAITING + 0.5) / RESULTS
"""How long W&B is away; so many results were saved since then."""
_PROVIDERS = ("wandb", "mlflow")


def furnish(engine: Engine, now: datetime) -> Callable[[], None]:
    """Saves results of two months, most of them delivered, some dead; W&B is away for almost two days.

    Returns:
        What has a daemon seem alive for 15 seconds.
    """
    chance = Random(7)
    chores = Housekeeping(engine)
    delivered: dict[str, list[datetime]] = {provider: [] for provider in _PROVIDERS}
    with writing(engine) as connection:
        chores.start(connection, now)
        for number in range(RESULTS):
            at = now - _DAYS * (1 - number / RESULTS)
            new = new_result(
                test_id=f"nightly-{number:04d}",
                model_id=_MODELS[number % len(_MODELS)],
                user_id=("ann", "bob", "team-risk")[number % 3],
                results=_results(chance, number),
            )
            saving.save(connection, new, _PROVIDERS, at)
            for provider in _PROVIDERS:
                if provider == "mlflow" or number < RESULTS - _WAITING:
                    delivered[provider] += _deliver(connection, provider, chance, at)
        _sample(connection, now, delivered)
        away = "can't connect to api.wandb.ai: Connection refused"
        provider_state.note_offline(
            connection,
            "wandb",
            away,
            after=_MINUTE,
            chance=chance,
            now=now - _OUTAGE,
        )
    ann = Actor("ann", "page from 10.0.0.7")
    actions.pause(engine, "mlflow", ann)
    actions.resume(engine, "mlflow", ann)
    dead = find(engine, RunFilter(status="dead"), 1)
    actions.discard(engine, [one.id for one in dead], "the model was withdrawn", ann)
    return chores.beat


def _results(chance: Random, number: int) -> dict[str, Any]:
    """Returns a result whose groups grow apart as time goes on."""
    gap = 0.05 + 0.2 * number / RESULTS + 0.05 * chance.random()
    rate = 0.6 + 0.1 * chance.random()
    has_passed = gap <= 0.2
    return {
        "overall_risk": ("low", "medium", "high", "critical")[min(3, int(gap * 12))],
        "accuracy": round(0.8 + 0.1 * chance.random(), 4),
        "metrics": {
            "demographic_parity_difference": {
                "value": round(gap, 4),
                "threshold": 0.2,
                "passed": has_passed,
            }
        },
        "by_group": {
            "gender": {
                "female": {"selection_rate": round(rate - gap, 4), "count": 412},
                "male": {"selection_rate": round(rate, 4), "count": 431},
            }
        },
        "recommendations": [] if has_passed else ["Reweigh the training data, and measure again."],
    }


def _deliver(connection: Connection, provider: str, chance: Random, at: datetime) -> list[datetime]:
    """Delivers one, or has it die; returns when it was delivered, if it was."""
    (delivery,) = claims.claim(
        connection, provider, limit=1, lease=_MINUTE, worker="host:1", now=at
    )
    ended = at + timedelta(seconds=3)
    if chance.random() < 0.02:
        reason = "the experiment 'fairness' is deleted: restore it, or name another one"
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, reason, ended)
        return []
    outcomes.record_delivered(connection, delivery, _run(delivery), "team/fairness", ended)
    provider_state.note_success(connection, provider, ended)
    return [ended]


def _run(delivery: Delivery) -> Run:
    id_ = delivery.key[:8]
    return Run(id_, f"https://{delivery.provider}.example/team/fairness/runs/{id_}")


def _sample(
    connection: Connection, now: datetime, delivered: Mapping[str, Sequence[datetime]]
) -> None:
    """Adds a day of samples: results that waited for an hour or two in the night, and W&B's outage."""
    for place in range(24 * 12 + 1):
        at = now - timedelta(days=1) + place * 5 * _MINUTE
        night = max(0, 3 - abs(place - 100) // 10)
        late = _WAITING - (now - at) // (_DAYS / RESULTS)
        for provider, times in delivered.items():
            count = sum(one <= at for one in times)
            sample = {"pending": late if provider == "wandb" else night, "dead": 5}
            sample |= {"delivered": count, "seconds": count * 3}
            connection.execute(
                insert(provider_samples_table).values(provider=provider, at=at, **sample)
            )


def photograph(browser: Browser, address: str, place: Path, beat: Callable[[], None]) -> None:
    """Takes a picture of each page on a desktop, and of those that are used on the way on a phone."""
    place.mkdir(parents=True, exist_ok=True)
    for suffix, viewport, names in (
        ("", _DESKTOP, tuple(PAGES)),
        ("-phone", _PHONE, ON_A_PHONE),
    ):
        page = browser.new_context(viewport=viewport).new_page()
        for name in names:
            beat()
            page.goto(address + PAGES[name], wait_until="networkidle")
            page.locator(_DRAWN_LAST.get(name, "footer")).first.wait_for()
            page.screenshot(path=place / f"{name}{suffix}.jpg", type="jpeg", quality=70)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(provider="both", database_url=f"sqlite:///{folder}/pictures.db")
        engine = ready_engine(settings.database_url)
        beat = furnish(engine, utc_now())
        with served(settings) as address, chromium() as browser:
            photograph(browser, address, PLACE, beat)


if __name__ == "__main__":
    main()
