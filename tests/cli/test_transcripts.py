"""The docs' transcripts are what the verbs print now."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from fairmind_sync.cli import app
from tests.support.documents import CHECKOUT
from tests.transcripts import DEMO, PAGE

REGENERATE = "run: python -m tests.transcripts"


def verbs() -> set[str]:
    """Every verb, sub-verbs with their parent's name."""
    every = set()
    for name, verb in typer.main.get_group(app).commands.items():
        below = getattr(verb, "commands", None)
        every |= {f"{name} {part}" for part in below} if below else {name}
    return every


def test_every_verb_has_a_transcript() -> None:
    assert {*re.findall(r"^### (.*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)} == verbs()


@pytest.mark.system
def test_each_transcript_is_what_the_verb_prints_now(tmp_path: Path) -> None:
    file = tmp_path / "transcripts.md"
    subprocess.run(
        [sys.executable, "-m", "tests.transcripts", str(file)],
        cwd=CHECKOUT,
        check=True,
        timeout=900,
    )
    told = PAGE.read_text(encoding="utf-8").split(DEMO)[0].strip()
    assert file.read_text(encoding="utf-8").strip() == told, REGENERATE
