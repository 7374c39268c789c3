"""A copy of the checkout as mutmut wants it: sources under `src`, and a configuration of its own.

mutmut knows no other source root than `src`, and it reads its options from the `pyproject.toml` beside it.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_COPIED = ("tests", "migrations", "alembic.ini")
_RUN = "from mutmut.__main__ import cli; cli()"
_SHOW = """
import sys
from mutmut.__main__ import find_mutant, get_diff_for_mutant

for name in sys.argv[1:]:
    print(name, get_diff_for_mutant(name, path=find_mutant(name).path), sep="\\n")
"""
_ONE_PROCESS = ("-n0", "--import-mode=importlib", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class Package:
    """What is mutated, and by which tests: those that mirror it, in this process, on SQLite.

    `without` are words of tests that take processes, servers or long: a mutant costs as much as its tests.
    """

    name: str
    mutated: tuple[str, ...]
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()


class Workspace:
    """A package's place under `.mutation/`. What was found there before is kept, and the run goes on."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.place = CHECKOUT / ".mutation" / package.name

    def prepare(self) -> None:
        """Brings the checkout's files along: mutmut tests only what has changed again."""
        self.place.mkdir(parents=True, exist_ok=True)
        _mirror(CHECKOUT / "daemon" / "fairmind_sync", self.place / "src" / "fairmind_sync")
        for name in _COPIED:
            _mirror(CHECKOUT / name, self.place / name)
        (self.place / "pyproject.toml").write_text(_configuration(self.package))

    def run(self, children: int, seconds: float) -> bool:
        """Tests the mutants that have no verdict; false where the time was over before the last of them."""
        mutmut = [sys.executable, "-c", _RUN, "run", "--max-children", str(children)]
        process = subprocess.Popen(mutmut, cwd=self.place, start_new_session=True)
        try:
            return process.wait(timeout=seconds) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            process.send_signal(signal.SIGINT)  # it ends its workers then, and keeps their verdicts
            process.wait()

    def show(self, mutants: Sequence[str]) -> str:
        """Returns the change that makes each of them, as diffs."""
        shown = subprocess.run(
            [sys.executable, "-c", _SHOW, *mutants],
            cwd=self.place,
            capture_output=True,
            text=True,
            check=True,
        )
        return shown.stdout


def _mirror(source: Path, target: Path) -> None:
    """Copies what differs, so that the times of what doesn't stay; what is gone goes."""
    if source.is_file():
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            shutil.copy2(source, target)
        return
    target.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in source.iterdir() if path.name != "__pycache__"}
    for path in target.iterdir():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in names:
        _mirror(source / name, target / name)


def _configuration(package: Package) -> str:
    mutmut = {
        "source_paths": ["src"],
        "only_mutate": [f"src/fairmind_sync/{pattern}" for pattern in package.mutated],
        "also_copy": ["migrations", "alembic.ini"],
        "pytest_add_cli_args": [*_ONE_PROCESS, "-k", _chosen(package)],
        "pytest_add_cli_args_test_selection": list(package.tests),
        "process_isolation": "forkserver",
        "timeout_constant": 10.0,
        "timeout_multiplier": 4.0,
        "on_dependency_change": "ignore",
        "use_git_change_detection": False,
    }
    pytest = {
        "pythonpath": ["."],
        "markers": ["both_databases", "matrix"],
        "addopts": ["-m", "not matrix"],
        "timeout": 300,
    }
    return f"{_table('mutmut', mutmut)}\n{_table('pytest.ini_options', pytest)}"


def _chosen(package: Package) -> str:
    return " and ".join(f"not {word}" for word in ("postgresql", *package.without))


def _table(name: str, options: dict[str, object]) -> str:
    """As TOML, whose strings, lists and numbers are written as JSON's are."""
    lines = (f"{key} = {json.dumps(value)}" for key, value in options.items())
    return "\n".join([f"[tool.{name}]", *lines, ""])
