"""The stories, recorded once for all processes of a run."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping

import pytest

from tests.power_cuts.images import Cuts, cuts_of_all
from tests.power_cuts.recording import Recording, record
from tests.power_cuts.stories import MODES
from tests.support.broom import place_in_memory, place_of_the_run


@pytest.fixture(scope="session")
def recordings() -> Mapping[str, Recording]:
    return {mode: _recorded(mode) for mode in MODES}


@pytest.fixture(scope="session")
def cuts(recordings: Mapping[str, Recording]) -> Cuts:
    return cuts_of_all(recordings.values())


def _recorded(mode: str) -> Recording:
    told = place_of_the_run() / f"power-cuts-{mode}"
    with told.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            recording = record(place_in_memory("cuts") / mode, mode)
            told.symlink_to(recording.home)
    return Recording(told.readlink(), mode)
