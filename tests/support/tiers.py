"""Which tier a test belongs to, and how many processes run a command's tests. See daemon/docs/testing.md."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest

UNIT, SYSTEM, NIGHTLY = "unit", "system", "nightly"
PROCESSES = 5
"""Tests of the system tier wait more than they compute; two cores are busy where so many wait at once."""
_LONG = {
    "test_two_hosts": 75,
    "test_mlflow_evidence": 75,
    "test_mlflow_stores": 70,
    "test_guides": 65,
    "test_contract": 65,
    "test_wandb_faults": 60,
    "test_wandb_evidence": 55,
    "test_power_cuts": 60,
    "test_canary": 55,
    "test_process": 55,
    "test_mlflow": 55,
    "test_sweep": 55,
    "test_hangs": 50,
    "test_kills": 45,
    "test_wandb_variables": 45,
    "test_clock_jumps": 45,
    "test_mlflow_faults": 45,
    "test_traces": 40,
    "test_standard_streams": 40,
    "test_schema": 40,
    "test_wandb": 40,
    "test_copying": 40,
    "test_proxies": 35,
    "test_sign_in": 30,
    "test_pages": 30,
    "test_mistakes": 30,
    "test_rolling_upgrade": 30,
    "test_state_machine": 30,
    "test_several_workers": 30,
    "test_wandb_destination": 30,
    "test_live": 30,
    "test_benchmarks": 25,
    "test_systemd": 25,
    "test_lifespan": 25,
    "test_doctor": 25,
    "test_limits": 20,
    "test_moved_database": 20,
    "test_json": 20,
    "test_worker": 20,
    "test_mlflow_settings": 20,
    "test_axe": 20,
    "test_bind": 20,
    "test_demo": 20,
    "test_saving": 20,
    "test_every_page": 15,
    "test_wandb_model": 20,
    "test_shared_seeds": 20,
}
"""The files whose tests wait longest together, and for how many seconds; a test elsewhere counts as one."""
_A_HANDFUL = 5
_SYSTEM_FOLDERS = {"system", "browser", "demo", "benchmarks"}
_SERVERS = {"authority", "postgres", "mlflow_uri", "wheel", "installed_wheel", "own_server"}
_STARTERS = {
    "subprocess",
    "multiprocessing",
    "command",
    "Forked",
    "running_daemon",
    "Terminal",
    "at_once",
    "Lab",
    "WandbLab",
    "self_signed",
    "MlflowPackage",
    "served",  # the API by uvicorn, whose connections are waited for
    "NotingServer",  # asked by MLflow's package too, whose import starts a process
}
_WAITS_FOR_LONG = {"Lab", "WandbLab", "Forked", "multiprocessing", "wandb_standin"}
"""What a test that must start no process waits for in vain."""
_STARTS = {
    *("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.system"),
    "tests.Forked",
}
_HERE = Path(__file__).parents[1]


def mark_tier(item: pytest.Item) -> None:
    """Marks the item as of the unit or the system tier; those of `nightly` bear that mark besides."""
    if item.get_closest_marker(SYSTEM) is None:
        item.add_marker(SYSTEM if _is_of_the_system(item) else UNIT)


def may_run_in_process(item: pytest.Item) -> bool:
    """Returns whether the item asks for no server, and nobody marked it; it may start a process."""
    needs = _SERVERS.union(_WAITS_FOR_LONG).intersection(getattr(item, "fixturenames", ()))
    waits = not isinstance(item, pytest.Function) or _WAITS_FOR_LONG.intersection(vars(item.module))
    by_hand = item.get_closest_marker(SYSTEM) is not None and not _is_of_the_system(item)
    is_nightly = item.get_closest_marker(NIGHTLY) is not None
    return not (needs or waits or by_hand or is_nightly or _is_on_postgresql(item))


def _is_of_the_system(item: pytest.Item) -> bool:
    return _waits(item) or _is_on_postgresql(item)


def _waits(item: pytest.Item) -> bool:
    """For processes and servers more than it computes."""
    is_ours = item.path.is_relative_to(_HERE)
    folder = item.path.relative_to(_HERE).parts[0] if is_ours else "system"
    return (
        folder in _SYSTEM_FOLDERS
        or not isinstance(item, pytest.Function)
        or not _SERVERS.isdisjoint(item.fixturenames)
        or not _STARTERS.isdisjoint(vars(item.module))
    )


def _is_on_postgresql(item: pytest.Item) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return any(isinstance(value, str) and value == "postgresql" for value in params.values())


def dealt(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """The items in an order for xdist's `worksteal`, which gives each process an equal run of them.

    Each run begins with files of tests that mostly wait, the longest first, and ends with tests that only
    compute: those are what a process that is done takes over from another one.
    """
    waiting = _shared_out([item for item in items if _waits(item)], processes)
    computing = deque(item for item in items if not _waits(item))
    order: list[pytest.Item] = []
    for number, files in enumerate(waiting):
        end = len(order) + (len(items) - len(order)) // (processes - number)
        order += files
        order += [computing.popleft() for _ in range(min(end - len(order), len(computing)))]
    return [*order, *computing]


def _shared_out(items: Sequence[pytest.Item], processes: int) -> list[list[pytest.Item]]:
    """For each process the tests of its files, so that all of them wait about equally long."""
    files = [list(file) for _, file in groupby(items, attrgetter("path"))]
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    seconds = dict.fromkeys(range(processes), 0)
    for file in sorted(files, key=_seconds, reverse=True):
        number = min(seconds, key=seconds.__getitem__)
        seconds[number] += _seconds(file)
        shares[number] += file
    return shares


def _seconds(file: Sequence[pytest.Item]) -> int:
    return _LONG.get(file[0].path.stem, len(file))


@contextmanager
def in_process(item: pytest.Item) -> Iterator[None]:
    """A test of the unit tier that starts a process fails, and says where it belongs."""
    _watch()
    _Watched.test = None if item.get_closest_marker(UNIT) is None else item.nodeid
    try:
        yield
    finally:
        _Watched.test = None


class _Watched:
    test: str | None = None
    is_hooked = False


def _watch() -> None:
    if not _Watched.is_hooked:
        _Watched.is_hooked = True
        sys.addaudithook(_refuse)


def _refuse(event: str, _arguments: object, watched: type[_Watched] = _Watched) -> None:
    """Hears of all that Python does, also when a module's names are gone at the interpreter's end."""
    if watched.test is not None and event in _STARTS:
        message = f"{watched.test} starts a process: it belongs to the system tier (tests/support/tiers.py)"
        raise AssertionError(message)


def processes_for(arguments: Sequence[str], marks: str = "") -> int:
    """How many xdist workers a command line is worth: none for files and single tests.

    Tests of the unit tier alone wait for nothing: each core gets a process. `marks` is what `-m` chooses by.
    """
    is_named = [Path(one.partition("::")[0]).is_file() for one in arguments]
    if all(is_named) and len(is_named) <= _A_HANDFUL:
        return 0
    waits = UNIT not in marks or SYSTEM in marks
    return PROCESSES if waits else min(os.cpu_count() or 1, PROCESSES)
