"""Virtual environments with other versions, or another Python, than this one has; uv makes them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import CHECKOUT

LOWEST = ("--resolution", "lowest-direct")
"""Of what is required by name the lowest version; of what that needs in turn the newest that fits."""


def make(
    place: Path,
    *required: str,
    deps: bool = True,
    python: str = sys.executable,
    how: Sequence[str] = (),
) -> Path:
    """Makes an environment, or adds to one, and returns its interpreter."""
    made = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not made.exists():
        uv("venv", "--python", python, str(place))
    _install(made, *how, *([] if deps else ["--no-deps"]), *required)
    return made


def with_our_package(python: Path) -> Path:
    """Adds this checkout to an environment that holds what the checkout needs."""
    _install(python, "--no-deps", "-e", str(CHECKOUT))
    return python


def _install(python: Path, *arguments: str) -> None:
    uv("pip", "install", "--python", str(python), *arguments)


def uv(*arguments: str) -> str:
    """What uv prints. A Python that is not installed is fetched by uv, which says so if that fails."""
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    env = os.environ | {"PATH": _path()}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def _path() -> str:
    """PATH, and the Pythons that lie beside this one, as pyenv and uv lay them."""
    beside = sorted(Path(sys.base_prefix).parent.glob("*/bin"))
    return os.pathsep.join([os.environ["PATH"], *map(str, beside)])
