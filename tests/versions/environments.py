"""Virtual environments with other versions than this one has."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

from tests.conftest import CHECKOUT


def make(place: Path, *required: str, deps: bool = True) -> Path:
    """Makes an environment, or adds to one, and returns its interpreter."""
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(place, with_pip=True)
    _install(python, *([] if deps else ["--no-deps"]), *required)
    return python


def with_our_package(python: Path) -> Path:
    """Adds this checkout to an environment that holds what the checkout needs."""
    _install(python, "hatchling", "editables")
    _install(python, "--no-deps", "--no-build-isolation", "-e", str(CHECKOUT))
    return python


def _install(python: Path, *arguments: str) -> None:
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments], check=True)
