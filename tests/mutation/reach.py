"""Which tests reach which function, and how long each of them takes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from tests.mutation.trial import Trial, tell

_LONGEST = 30
"""Seconds: a test that takes longer is left out."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Tests go by their number in the session; one that fails alone, without any mutant, is left out."""

    by_function: Mapping[str, frozenset[int]]
    seconds: Mapping[int, float]
    """Of processor time, by test."""

    @classmethod
    def of(cls, trial: Trial) -> Reach:
        by_function: dict[str, set[int]] = {}
        seconds: dict[int, float] = {}
        for number in range(trial.count()):
            code, said = trial.in_a_fork(partial(_try, trial, number))
            if code:
                tell(f"left out, as it fails alone: {trial.name(number)}")
                continue
            seconds[number], functions = json.loads(said)
            for function in functions:
                by_function.setdefault(function, set()).add(number)
        return cls({name: frozenset(tests) for name, tests in by_function.items()}, seconds)

    def tests(self, function: str) -> frozenset[int]:
        return self.by_function.get(function, frozenset())


def _try(trial: Trial, number: int, say: Callable[[str], None]) -> int:
    signal.alarm(_LONGEST)
    set_mutant_under_test("stats")
    begun = time.process_time()
    is_good = trial.run(number)
    say(json.dumps([time.process_time() - begun, sorted(state()._stats)]))
    return 0 if is_good else 1
