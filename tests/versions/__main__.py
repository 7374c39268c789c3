"""`python -m tests.versions`: the oldest versions that pyproject.toml allows, installed and tried.

A fresh virtual environment gets each package at its lower bound, then settings, results and the outbox are
tested there. `python -m tests.versions --only-settings` tries the settings alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.conftest import CHECKOUT
from tests.versions.requirements import requirements

_EXTRAS = ("test", "postgres")
_SETTINGS = ["tests/test_settings.py", "tests/test_floors.py"]
_ALL = [*_SETTINGS, "tests/results", "tests/outbox"]


def floor_of(required: Requirement) -> str:
    """Returns the requirement of exactly the lower bound."""
    (lowest,) = [bound.version for bound in required.specifier if bound.operator == ">="]
    extras = f"[{','.join(sorted(required.extras))}]" if required.extras else ""
    return f"{required.name}{extras}=={lowest}"


def applies(marker: Marker | None) -> bool:
    return marker is None or marker.evaluate()


def build(place: Path) -> Path:
    """Makes the environment, and returns its interpreter."""
    venv.create(place, with_pip=True)
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    floors = [floor_of(one) for one in requirements(*_EXTRAS) if applies(one.marker)]
    pip = [str(python), "-m", "pip", "install"]
    subprocess.run([*pip, *floors], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(CHECKOUT)], check=True)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only-settings", action="store_true")
    tests = _SETTINGS if parser.parse_args().only_settings else _ALL
    with tempfile.TemporaryDirectory() as place:
        python = build(Path(place) / "venv")
        tried = [str(python), "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *tests]
        return subprocess.run(tried, cwd=CHECKOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
