"""The seeds that a change has of its own, and the command that carries seeds out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from tests.conftest import CHECKOUT


def seeds_of_this_change() -> int:
    """Returns the first: another one whenever product or simulator change, and the same until then."""
    trees = [f"HEAD:{folder}" for folder in ("daemon/fairmind_sync", "tests/simulation")]
    asked = ["git", "rev-parse", *trees]
    shown = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, check=True).stdout
    return int(hashlib.sha256(shown).hexdigest()[:10], 16)


def simulate(*options: str) -> subprocess.CompletedProcess[str]:
    """Carries seeds out in a command of its own, where sets have one order, so that a seed is one run.

    The order is given, since the command would start itself once more for that.
    """
    command = [sys.executable, "-m", "tests.simulation", *options]
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(
        command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
