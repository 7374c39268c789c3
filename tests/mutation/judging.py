"""One session of pytest that judges every mutant, each in a process that is forked off after collecting.

`python -m tests.mutation.judging SECONDS MODULE...`, in a package's workspace. What takes long is done once,
before the forks: imports, collecting, the database with today's schema. A mutant is then tried by the tests
that reach its function, those first that noticed a neighbour, quick ones before slow ones, until one fails.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, settings
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.file_utils import copy_src_dir, setup_source_paths, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name

from tests.mutation.reach import Reach
from tests.mutation.trial import SURVIVED, Trial, tell
from tests.support import tiers

Case = tuple[SourceFileMutationData, str]

NO_TEST = 33
HEARINGS = (2.0, 20.0)
"""Seconds of tests for one mutant, by their processor time without it: a survivor is heard twice."""


class Judge:
    """A plugin of pytest that goes through mutants where pytest would go through tests."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._heard: dict[str, set[int]] = defaultdict(set)
        self._killers: dict[str, list[int]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out what needs a server; what starts a process fails, and is left out then."""
        items[:] = filter(tiers.may_run_in_process, items)
        for item in items:
            item.add_marker(tiers.UNIT)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("tests could not be collected")
        self._trial = Trial(session)
        self._trial.warm_up()
        self._reach = Reach.of(self._trial)
        self._trial.expect(self._reach.seconds)
        files = [SourceFileMutationData(path=path) for path in walk_mutatable_files()]
        for file in files:
            file.load()
        left = [(file, name) for file in files for name in _not_judged(file)]
        Random(1).shuffle(left)  # a run that is cut short has judged a sample
        tell(f"{len(self._reach.seconds)} tests, {len(left)} mutants")
        for seconds in HEARINGS:
            left = self._hear(left, seconds)
        return True

    def _hear(self, cases: list[Case], seconds: float) -> list[Case]:
        """Returns who survived though some tests have not been asked."""
        left = []
        for number, case in enumerate(cases, 1):
            if time.monotonic() > self._until:
                break
            if self._survives(*case, seconds):
                left.append(case)
            if number % 50 == 0:
                tell(f"{number} of {len(cases)}, {len(left)} to be heard again")
        return left

    def _survives(self, file: SourceFileMutationData, name: str, seconds: float) -> bool:
        function, heard = mangled_name_from_mutant_name(name), self._heard[name]
        tests = self._chosen(function, heard, file.path, seconds)
        code, noticed = self._trial.of_mutant(name, tests) if tests or heard else (NO_TEST, None)
        heard.update(tests)
        if noticed is not None and noticed not in self._killers[function]:
            self._killers[function].append(noticed)
        file.exit_code_by_key[name] = code
        file.save()
        return code == SURVIVED and not heard.issuperset(self._reach.tests(function))

    def _chosen(
        self, function: str, heard: set[int], path: Path | str, seconds: float
    ) -> list[int]:
        first = [one for one in self._killers[function] if one not in heard]
        later = self._reach.tests(function).difference(first, heard)
        mirror = f"_{Path(path).stem}.py"
        ordered = sorted(
            later,
            key=lambda one: (mirror not in self._trial.name(one), self._reach.seconds[one]),
        )
        return list(_within(seconds, [*first, *ordered], self._reach.seconds.__getitem__))


def _not_judged(file: SourceFileMutationData) -> list[str]:
    return [name for name, code in file.exit_code_by_key.items() if code is None]


def _within(most: float, tests: Sequence[int], seconds: Callable[[int], float]) -> Iterator[int]:
    total = 0.0
    for number in tests:
        total += seconds(number)
        if total > most and total > seconds(number):
            return
        yield number


def _memory() -> str | None:
    """A place for the tests' databases where nothing waits for a disk, and where no other run tidies up."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 the directory made there is ours alone


def main() -> None:
    until = time.monotonic() + float(sys.argv[1])
    settings.register_profile(
        "mutants", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True
    )
    settings.load_profile("mutants")  # a mutant needs no smallest example
    set_mutant_under_test("")
    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    setup_source_paths()
    create_mutants(1)
    for module in sys.argv[2:]:
        importlib.import_module(module)
    with TemporaryDirectory(prefix="mutants-", dir=_memory()) as place:
        arguments = [*config().pytest_add_cli_args, f"--basetemp={place}/tests"]
        ended = pytest.main(arguments, plugins=[Judge(until)])
    is_over = ended in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
    )  # one that warmed up may fail
    sys.exit(0 if is_over else ended)


if __name__ == "__main__":
    main()
