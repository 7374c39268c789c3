"""What an operator is told to type about a provider."""

from __future__ import annotations

import pytest

from fairmind_sync.operating.next_step import next_steps
from fairmind_sync.outbox.provider_state import ProviderState
from fairmind_sync.outbox.workload import Backlog
from fairmind_sync.results.states import BLOCKED, DEAD, DELIVERED, OFFLINE, PENDING, READY
from tests.support.clock import NOW

RESUME, RUN = "fairmind-sync resume mlflow", "fairmind-sync run"


def backlog(state: str = READY, *, is_paused: bool = False, **counts: int) -> Backlog:
    of_provider = ProviderState(
        state, "no rights", NOW, None, None, paused_at=NOW if is_paused else None
    )
    return Backlog({PENDING: 0, DELIVERED: 0, DEAD: 0} | counts, None, of_provider)


def commands(of: Backlog, lacking: int = 0, *, alive: bool = True, on: bool = True) -> list[str]:
    found = next_steps("mlflow", of, lacking, is_enabled=on, is_alive=alive)
    return [step["command"] for step in found]


@pytest.mark.parametrize("state", [BLOCKED, OFFLINE])
def test_a_provider_that_takes_nothing_is_tried_again_by_a_command(state: str) -> None:
    (step,) = next_steps("mlflow", backlog(state), 0, is_enabled=True, is_alive=True)
    assert step == {"why": "no rights", "command": RESUME}


def test_a_pause_comes_before_what_else_is_wrong() -> None:
    (step,) = next_steps(
        "mlflow", backlog(BLOCKED, is_paused=True), 0, is_enabled=True, is_alive=True
    )
    assert step == {"why": "it is paused", "command": RESUME}


@pytest.mark.parametrize(("alive", "expected"), [(True, []), (False, [RUN])])
def test_what_waits_needs_a_daemon(*, alive: bool, expected: list[str]) -> None:
    assert commands(backlog(pending=3), alive=alive) == expected


def test_what_is_dead_is_looked_at() -> None:
    assert commands(backlog(dead=3)) == ["fairmind-sync runs --status dead --provider mlflow"]


def test_missing_evidence_is_looked_at() -> None:
    assert commands(backlog(), 2) == ["fairmind-sync evidence"]


def test_a_provider_that_is_not_enabled_needs_nothing() -> None:
    assert commands(backlog(BLOCKED, dead=3), alive=False, on=False) == []
