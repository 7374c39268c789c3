"""The oldest versions that pyproject.toml allows, installed together and tried.

A fresh environment gets each package at its lower bound, and what those need in turn in the newest version
that fits. Then everything is tested there that needs no SDK and starts no process.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.conftest import CHECKOUT
from tests.versions.environments import LOWEST, make, with_our_package
from tests.versions.requirements import requirements

_TESTS = ("api", "cli", "evidence", "intake", "outbox", "results", "security", "storage")
_FILES = ("bias_test_results", "floors", "mlops_integration", "settings", "settings_mistakes")
_OLD_AGAINST_NEW = ("-Wignore::DeprecationWarning", "-Wignore::PendingDeprecationWarning")
"""An old Starlette deprecates nothing of ours, but is itself told of by a new anyio; so are others."""
_LEFT_OUT = "--ignore=tests/api/test_openapi.py"  # the oldest schemathesis leaves connections open


def tried() -> bool:
    """Whether the tests pass with the oldest versions."""
    needed = [str(one) for one in requirements("daemon", "postgres", "test")]
    with tempfile.TemporaryDirectory() as place:
        python = with_our_package(make(Path(place) / "venv", *needed, how=LOWEST))
        command = [str(python), "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider"]
        tests = [f"tests/{name}" for name in _TESTS] + [f"tests/test_{name}.py" for name in _FILES]
        chosen = ["-m", "unit and not nightly", *_OLD_AGAINST_NEW, _LEFT_OUT, *tests]
        return subprocess.run([*command, *chosen], cwd=CHECKOUT, check=False).returncode == 0
