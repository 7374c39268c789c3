"""A copy of the checkout as mutmut wants it: sources under `src`, and a configuration of its own.

mutmut knows no other source root than `src`, and it reads its options from the `pyproject.toml` beside it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_BESIDE_SOURCES = ("migrations", "alembic.ini")
_COPIED = ("tests", "daemon/docs", *_BESIDE_SOURCES)
_SHOW = """
import sys
from mutmut.__main__ import find_mutant, get_diff_for_mutant

for name in sys.argv[1:]:
    print(name, get_diff_for_mutant(name, path=find_mutant(name).path), sep="\\n")
"""
_UNWANTED = ("cacheprovider", "randomly", "timeout", "faulthandler")
_ARGUMENTS = (
    *("-q", "-s", "-n0", "--rootdir=.", "--tb=native", "--import-mode=importlib"),
    *(f"-pno:{name}" for name in _UNWANTED),
)


@dataclass(frozen=True, slots=True)
class Package:
    """What is mutated, and by which tests: those in the folders and files that mirror it.

    `without` are words of tests that take long: a mutant costs as much as its tests. `imported` are modules
    that tests import late, and that each mutant would import anew.
    """

    name: str
    mutated: tuple[str, ...]
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()


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
        for name in _BESIDE_SOURCES:
            _mirror(CHECKOUT / name, self.place / "mutants" / name)
        _forget_what_is_gone(self.place)
        (self.place / "pyproject.toml").write_text(_configuration(self.package))

    def run(self, seconds: float) -> None:
        """Tries the mutants that have no verdict, until the time is over."""
        judging = [sys.executable, "-m", "tests.mutation.judging", str(seconds)]
        subprocess.run(
            [*judging, *self.package.imported],
            cwd=self.place,
            stdout=subprocess.DEVNULL,
            check=True,
        )

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


def _forget_what_is_gone(place: Path) -> None:
    """A file that was removed or renamed has no mutants any more."""
    mutated = place / "mutants" / "src"
    for path in [*mutated.rglob("*.py"), *mutated.rglob("*.meta")]:
        source = place / "src" / path.relative_to(mutated)
        if not source.with_name(source.name.removesuffix(".meta")).exists():
            path.unlink()


def _configuration(package: Package) -> str:
    mutmut: dict[str, object] = {
        "source_paths": ["src"],
        "only_mutate": [f"src/fairmind_sync/{pattern}" for pattern in package.mutated],
        "pytest_add_cli_args": [*_ARGUMENTS, "-k", _chosen(package), *package.tests],
        "on_dependency_change": "ignore",
        "use_git_change_detection": False,
    }
    pytest: dict[str, object] = {
        "pythonpath": ["."],
        "markers": ["both_databases", "mostly_sqlite", "unit", "system", "nightly"],
        "tmp_path_retention_policy": "none",
    }
    return f"{_table('mutmut', mutmut)}\n{_table('pytest.ini_options', pytest)}"


def _chosen(package: Package) -> str:
    return " and ".join(f"not {word}" for word in package.without)


def _table(name: str, options: dict[str, object]) -> str:
    """As TOML, whose strings, lists and numbers are written as JSON's are."""
    lines = (f"{key} = {json.dumps(value)}" for key, value in options.items())
    return "\n".join([f"[tool.{name}]", *lines, ""])
