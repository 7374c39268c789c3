"""`--watch`: what is seen is drawn anew until Ctrl-C, and stays on the terminal then."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.results.delivery import Run
from tests.support.deliveries import dead, delivered, save
from tests.support.processes import COMMAND, eventually
from tests.support.terminal import Terminal

LEAVES_THE_SCREEN = "\x1b[?1049l"


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    return {
        "MLOPS_PROVIDER": "mlflow",
        "FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string(),
    }


def test_runs_are_drawn_anew_until_ctrl_c(env: dict[str, str], engine: Engine) -> None:
    save(engine, "mlflow", test_id="first-test")
    terminal = Terminal([*COMMAND, "runs", "--watch"], env, wide=80)
    try:
        eventually(lambda: "first-test" in terminal.shown)
        save(engine, "mlflow", test_id="second-test")
        eventually(lambda: "second-test" in terminal.shown)
    finally:
        code = terminal.interrupt()
    kept = terminal.shown.split(LEAVES_THE_SCREEN)[1]
    assert (code, "first-test" in kept, "second-test" in kept) == (0, True, True)


def test_status_ends_with_the_code_that_it_has_without(env: dict[str, str], engine: Engine) -> None:
    dead(engine)
    terminal = Terminal([*COMMAND, "status", "--watch"], env, wide=80)
    try:
        eventually(lambda: "1 dead" in terminal.shown)
    finally:
        code = terminal.interrupt()
    assert code == 1


def test_on_a_real_terminal_a_url_is_whole_in_a_hyperlink(
    env: dict[str, str], engine: Engine
) -> None:
    url = f"https://mlflow.example.com/#/experiments/12/runs/{'0123456789abcdef' * 2}"
    delivered(engine, Run("run-1", url))
    terminal = Terminal([*COMMAND, "runs"], env, wide=80)
    assert (terminal.wait(), terminal.shown.count(url), terminal.shown.count("\n")) == (0, 1, 2)
