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
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *([] if deps else ["--no-deps"]), *required], check=True)
    return python


def with_our_package(python: Path) -> Path:
    """Adds this checkout to an environment that holds what the checkout needs."""
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "hatchling", "editables"], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(CHECKOUT)], check=True)
    return python
