"""The README is short, leads on, and its snippet runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import CHECKOUT, python_snippets

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
MOST_LINES, MOST_CHARACTERS = 120, 120


def test_the_first_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", "mlflow")
    ran = subprocess.run(
        [sys.executable, "-c", python_snippets(README)[0]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert ran.stdout == "None\n"  # no daemon is running here


def test_the_first_screen_holds_exactly_the_two_commands() -> None:
    first_screen = README.split("## How it works")[0]
    assert len(re.findall(r"^```bash\n.*\n```", first_screen, re.MULTILINE)) == 2


def test_no_other_line_begins_as_the_two_commands_do() -> None:
    """CI takes the first for the demo and the second for the tests."""
    commands = re.findall(r"^python3 -m venv.*", README, re.MULTILINE)
    assert [command.split("/")[-1] for command in commands] == ["fairmind-sync demo", "pytest"]


def test_the_readme_is_read_in_minutes() -> None:
    assert len(README.splitlines()) <= MOST_LINES
    assert max(map(len, README.splitlines())) <= MOST_CHARACTERS
