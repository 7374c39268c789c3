"""The README is short, leads on, and its snippet runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.documents import CHECKOUT

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
MOST_LINES, MOST_CHARACTERS = 120, 120


def test_the_first_snippet_runs(tmp_path: Path) -> None:
    """As it stands, after the line above it that installs; here the packages are installed already."""
    (snippet,) = re.findall(r"^```bash\n(export .*?)^```", README, re.MULTILINE | re.DOTALL)
    here = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["/bin/bash", "-euc", snippet],
        cwd=tmp_path,
        env=here,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    run_page = r"http://localhost:5001/#/experiments/1/runs/[0-9a-f]{32}\n"
    assert (ran.returncode, bool(re.fullmatch(run_page, ran.stdout))) == (0, True), ran.stderr


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
