"""The oldest versions that pyproject.toml allows, installed together and tried.

A fresh virtual environment gets each package at its lower bound, then settings, results and the outbox are
tested there.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.conftest import CHECKOUT
from tests.versions.environments import make, with_our_package
from tests.versions.requirements import requirements

_EXTRAS = ("test", "postgres")
_TESTS = ("tests/test_settings.py", "tests/test_floors.py", "tests/results", "tests/outbox")


def floor_of(required: Requirement) -> str:
    """Returns the requirement of exactly the lower bound."""
    (lowest,) = [bound.version for bound in required.specifier if bound.operator == ">="]
    extras = f"[{','.join(sorted(required.extras))}]" if required.extras else ""
    return f"{required.name}{extras}=={lowest}"


def applies(marker: Marker | None) -> bool:
    return marker is None or marker.evaluate()


def tried() -> bool:
    """Returns whether the tests pass with the oldest versions."""
    floors = [floor_of(one) for one in requirements(*_EXTRAS) if applies(one.marker)]
    with tempfile.TemporaryDirectory() as place:
        python = with_our_package(make(Path(place) / "venv", *floors))
        command = [str(python), "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *_TESTS]
        return subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 0
