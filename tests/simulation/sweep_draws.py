"""Draws what befalls the small requests of probes and sweeps, and runs that only a sweep can end.

Drawn by a stream of chance of its own, so that whatever else a seed has stays as it was.
"""

from __future__ import annotations

from random import Random

from tests.simulation.events import HOUR, MINUTE, Planned, Step
from tests.simulation.faults import ANSWERS, Fault

_FAIL = "mlflow fail"
_OF_SWEEPS = (
    _FAIL,
    _FAIL,
    "mlflow delete",
    "mlflow deleted",
    "mlflow unfinished",
    "mlflow failed",
    "wandb project",
)
_OF_PROBES = ("mlflow tag_experiment", "wandb require_stream", "wandb viewer")
_EFFECTS = ("lost", "no_reply", "late", "hang", *ANSWERS)
_HOW_LATE = (11.0, 30 * MINUTE, HOUR)
_HOW_OFTEN = 0.5


def drawn_sweeps(chance: Random) -> list[Planned]:
    """In half of the seeds."""
    if chance.random() > _HOW_OFTEN:
        return []
    found = {(_FAIL, 1): _fault(chance, _FAIL, 1)}
    for _ in range(chance.choice((0, 1, 3))):
        at, nth = chance.choice((*_OF_SWEEPS, *_OF_PROBES)), chance.randint(1, 3)
        found[at, nth] = _fault(chance, at, nth)
    return [*_a_run_that_is_given_up(chance), *found.values()]


def _fault(chance: Random, at: str, nth: int) -> Fault:
    effect = chance.choice(_EFFECTS)
    return Fault(at, nth, effect, chance.choice(_HOW_LATE) if effect == "late" else 0.0)


def _a_run_that_is_given_up(chance: Random) -> list[Planned]:
    """A run that is never finished: its delivery is discarded, or dead until somebody has it retried."""
    at = chance.uniform(3, 30)
    save = Step(at, "save", amount=1)
    if chance.random() < 0.5:
        unheard = Fault(chance.choice(("mlflow log", "mlflow finish")), 1, "lost")
        return [save, unheard, Step(at + chance.uniform(15, 40), "discard", "mlflow")]
    all_unheard = [Fault("mlflow finish", nth, "lost") for nth in range(1, 6)]
    return [save, *all_unheard, Step(at + chance.uniform(10, 40) * MINUTE, "retry all")]
