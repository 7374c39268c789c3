"""The demo as a newcomer runs it, with and without a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from fairmind_sync.errors import ExtraNotInstalledError
from tests.support.processes import COMMAND, command, eventually
from tests.support.terminal import Terminal
from tests.transcripts import DEMO, PAGE

if TYPE_CHECKING:
    from fairmind_sync.demo.lending import BiasTest

STATUS_PAGE = re.compile(r"Status page: (http://127\.0\.0\.1:\d+/)")
URL = re.compile(r"http://127\.0\.0\.1:\d+/#/experiments/\d+/runs/[0-9a-f]{32}")


@dataclass(frozen=True)
class Told:
    """What a demo printed, what it said of errors, and where its files were to be."""

    printed: str
    errors: str
    scratch: Path


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A demo without a terminal."""
    scratch = tmp_path_factory.mktemp("demo")
    ended = command("demo", env={"TMPDIR": str(scratch), "COLUMNS": "80"})
    return Told(ended.stdout, ended.stderr, scratch)


def test_the_demo_names_the_extra_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    from fairmind_sync.demo import story

    there = {"mlflow": True, "flask": None, "sklearn": None}
    monkeypatch.setattr(story, "find_spec", there.get)
    with pytest.raises(
        ExtraNotInstalledError, match=r"no flask and no sklearn .*fairmind-sync\[all\]"
    ):
        story.tell(None)


@pytest.mark.nightly
def test_the_demo_delivers_twenty_results(told: Told) -> None:
    assert "4. All 20 runs are there." in told.printed


@pytest.mark.nightly
def test_the_demo_shows_that_nothing_is_lost_while_mlflow_is_down(told: Told) -> None:
    assert "mlflow is offline: 20 pending, 0 delivered, 0 lost" in told.printed


@pytest.mark.nightly
def test_the_demo_tells_of_no_error(told: Told) -> None:
    assert told.errors == ""


@pytest.mark.nightly
def test_the_demo_ends_with_what_was_found(told: Told) -> None:
    rows = re.findall(
        r"-at-0\.\d\d +\d+\.\d % +\d+\.\d % +\d+\.\d %  \w+ +(?:passed|failed)", told.printed
    )
    assert len(rows) == 20


@pytest.mark.nightly
def test_without_a_terminal_the_demo_shows_no_address_of_a_server_that_has_ended(
    told: Told,
) -> None:
    assert URL.findall(told.printed) == []
    assert "fairmind-sync demo, on a terminal" in told.printed


@pytest.mark.nightly
def test_the_demo_fits_80_columns(told: Told) -> None:
    wide = [line for line in told.printed.splitlines() if len(line.rstrip()) > 80]
    assert [line for line in wide if str(told.scratch) not in line] == []


@pytest.mark.nightly
def test_the_demo_says_how_to_see_the_same_in_wandb(told: Told) -> None:
    assert "WANDB_API_KEY=your-key fairmind-sync demo" in told.printed


@pytest.mark.nightly
def test_the_docs_show_the_demo_as_it_is(told: Told) -> None:
    """But for its numbers, which scikit-learn makes."""
    shown = PAGE.read_text(encoding="utf-8").split(DEMO)[1].split("$ fairmind-sync demo\n")[1]
    assert _shape(told.printed) == _shape(shown.removesuffix("```\n"))


def _shape(text: str) -> list[str]:
    """The lines without numbers, ids and places."""
    same = re.sub(r"/runs/\w+|/\S+fairmind-sync\.db", "/...", re.sub(r"-at-\S+", "", text))
    words = re.sub(r"\d[\d.:]*|low|medium|high|critical|passed|failed", "0", same)
    return [
        " ".join(re.sub(r"\b[a-z]+-[a-z]+,", "model,", line).split()) for line in words.splitlines()
    ]


@pytest.mark.nightly
def test_the_demo_leaves_no_file_behind(told: Told) -> None:
    assert [path.name for path in told.scratch.glob("fairmind-sync*")] == []


@pytest.mark.nightly
def test_on_a_terminal_the_demos_urls_open_until_ctrl_c() -> None:
    terminal = Terminal([*COMMAND, "demo"])
    try:
        (status_page,) = eventually(lambda: STATUS_PAGE.findall(terminal.shown))
        eventually(lambda: _answers(status_page))
        url = URL.findall(terminal.shown)[0]
        page = httpx2.get(url, timeout=240)
        run_id = url.rsplit("/", 1)[-1]
        api = url.split("/#/")[0] + "/api/2.0/mlflow/runs/get"
        held = httpx2.get(api, params={"run_id": run_id}, timeout=240).json()
    finally:
        code = terminal.interrupt()
    assert (code, page.status_code, held["run"]["info"]["status"]) == (0, 200, "FINISHED")


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=240).status_code == 200
    except httpx2.TransportError:
        return False


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
