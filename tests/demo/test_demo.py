"""The demo as a newcomer runs it, with and without a terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from fairmind_sync.errors import ExtraNotInstalledError
from tests.support.processes import COMMAND, command, eventually
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from fairmind_sync.demo.lending import BiasTest

URL = re.compile(r"http://127\.0\.0\.1:\d+/#/experiments/\d+/runs/[0-9a-f]{32}")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a demo without a terminal printed, and where its files were to be."""
    scratch = tmp_path_factory.mktemp("demo")
    return command("demo", env={"TMPDIR": str(scratch)}).stdout, scratch


def test_the_demo_names_the_extra_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    from fairmind_sync.demo import story

    there = {"mlflow": True, "flask": None, "sklearn": None}
    monkeypatch.setattr(story, "find_spec", there.get)
    with pytest.raises(
        ExtraNotInstalledError, match=r"no flask and no sklearn .*fairmind-sync\[all\]"
    ):
        story.tell(None)


def test_the_demo_delivers_twenty_results(told: tuple[str, Path]) -> None:
    assert len(set(URL.findall(told[0]))) == 20


def test_the_demo_shows_that_nothing_is_lost_while_mlflow_is_down(told: tuple[str, Path]) -> None:
    assert "mlflow is offline: 20 pending, 0 delivered, 0 lost" in told[0]


def test_the_demo_leaves_no_file_behind(told: tuple[str, Path]) -> None:
    assert [path.name for path in told[1].glob("fairmind-sync*")] == []


@pytest.mark.nightly
def test_on_a_terminal_the_demos_urls_open_until_ctrl_c() -> None:
    terminal = Terminal([*COMMAND, "demo"])
    try:
        eventually(lambda: "daemon.ready" in terminal.shown)
        url = URL.findall(terminal.shown)[0]
        page = httpx2.get(url, timeout=240)
        run_id = url.rsplit("/", 1)[-1]
        api = url.split("/#/")[0] + "/api/2.0/mlflow/runs/get"
        held = httpx2.get(api, params={"run_id": run_id}, timeout=240).json()
    finally:
        code = terminal.interrupt()
    assert (code, page.status_code, held["run"]["info"]["status"]) == (0, 200, "FINISHED")


@pytest.fixture(scope="module")
def bias_tests() -> list[BiasTest]:
    from fairmind_sync.demo import lending  # scikit-learn takes a second

    return list(lending.bias_tests())


def test_the_demos_results_are_computed_and_differ(bias_tests: list[BiasTest]) -> None:
    accuracies = {test.results["accuracy"] for test in bias_tests}
    assert len(accuracies) > 15


def test_the_demos_models_are_biased_against_women(bias_tests: list[BiasTest]) -> None:
    gaps = [
        test.results["groups"]["men"]["selection_rate"]
        - test.results["groups"]["women"]["selection_rate"]
        for test in bias_tests
    ]
    assert min(gaps) > 0
