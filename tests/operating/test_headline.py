"""The sentence on top of the page: what it says first, and what it leaves out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fairmind_sync.operating.headline import Headline, headline, state_of
from fairmind_sync.outbox.dead_causes import DeadCause
from tests.support.clock import NOW

MINUTE = timedelta(minutes=1)
GOOD: dict[str, Any] = {
    "enabled": True,
    "state": "ready",
    "since": None,
    "paused_at": None,
    "last_success_at": NOW,
    "pending": 0,
    "handed_over": 0,
    "delivered": 5,
    "dead": 0,
}
CAUSES = [DeadCause("mlflow", "rejected", "", 10), DeadCause("mlflow", "too_large", "", 2)]
OFFLINE = GOOD | {"state": "offline", "since": NOW - 9 * MINUTE, "pending": 181}


def told(*, alive: bool = True, causes: Any = (), **providers: dict[str, Any]) -> Headline:
    return headline({"daemon_alive": alive, "providers": providers}, causes, NOW)


def test_what_is_wrong_comes_before_what_waits() -> None:
    found = told(wandb=OFFLINE, mlflow=GOOD | {"dead": 12}, causes=CAUSES)
    assert found == Headline("12 dead of 2 causes; wandb offline for 9 min: 181 waiting.", "bad")


def test_an_outage_alone_is_nothing_to_act_on() -> None:
    assert told(wandb=OFFLINE) == Headline("wandb offline for 9 min: 181 waiting.", "wait")


@pytest.mark.parametrize(
    ("provider", "text", "mood"),
    [
        (GOOD, "Everything is delivered.", "good"),
        (GOOD | {"delivered": 0}, "Nothing is saved yet: save a result.", "good"),
        (GOOD | {"pending": 1}, "1 delivery on the way.", "wait"),
        (GOOD | {"pending": 1200}, "1,200 deliveries on the way.", "wait"),
        (GOOD | {"handed_over": 2}, "2 deliveries handed over, without an outcome so far.", "wait"),
        (GOOD | {"dead": 1}, "1 dead.", "bad"),
        (
            GOOD | {"state": "blocked", "since": NOW - 120 * MINUTE, "pending": 3},
            "mlflow refuses us for 2 h: 3 waiting.",
            "bad",
        ),
        (
            GOOD | {"paused_at": NOW - timedelta(days=2), "pending": 3},
            "mlflow paused for 2 d: 3 waiting.",
            "wait",
        ),
        (
            GOOD | {"enabled": False, "state": "offline", "pending": 9},
            "No provider is enabled: results are saved, and delivered nowhere.",
            "bad",
        ),
    ],
)
def test_each_standing_has_its_sentence(provider: dict[str, Any], text: str, mood: str) -> None:
    assert told(mlflow=provider) == Headline(text, mood)


def test_without_a_daemon_what_waits_is_wrong() -> None:
    assert told(alive=False, mlflow=GOOD | {"pending": 2}).text == (
        "No daemon runs: 2 deliveries waiting."
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "ready"),
        ({"enabled": False}, "disabled"),
        ({"paused_at": NOW, "state": "offline"}, "paused"),
        ({"state": "blocked"}, "blocked"),
        ({"last_success_at": None, "delivered": 0}, "not used yet"),
        ({"last_success_at": None, "delivered": 1}, "ready"),
    ],
)
def test_a_state_is_told_as_people_want_it(changes: dict[str, Any], expected: str) -> None:
    assert state_of(GOOD | changes) == expected
