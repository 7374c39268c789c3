"""Draws what goes wrong in a run, and what people do meanwhile, one kind of event after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import TypeAlias

from tests.simulation.events import BURST, HOUR, MINUTE, Planned, Step, Times
from tests.simulation.faults import ANSWERS, COMMIT, COMMITTED, FULL, OUTAGE, TURN, Fault

_REQUESTS = (
    "mlflow create",
    "mlflow create",
    "mlflow log",
    "mlflow finish",
    "mlflow find",
    "mlflow get",
    "mlflow experiment",
    "mlflow unfinished",
    "mlflow delete",
    "wandb upsert",
    "wandb stream",
    "wandb complete",
    "wandb read_back",
    "wandb viewer",
    "wandb any",
    "mlflow any",
)
_MAY_HANG = ("mlflow create", "mlflow log", "wandb upsert", "wandb stream", "wandb complete")
"""Requests of a delivery; a probe has time-outs of its own, and no watchdog."""
_MOST_LATE = 5 * HOUR
_JUMPS = (5.0, 90.0, 10 * MINUTE, 2 * HOUR, 48 * HOUR)


def nights(chance: Random, bursts: Sequence[float]) -> list[Planned]:
    """Between two bursts far apart the machine sleeps, as a laptop does: that costs no time to simulate."""
    steps: list[Planned] = []
    for burst, following in pairwise(bursts):
        begin = burst + BURST + chance.uniform(0, 10 * MINUTE)
        if following - begin > HOUR:
            steps.append(Step(begin, "sleep", amount=following - begin - 5.0))
    return steps


def saves(chance: Random, when: Times) -> list[Planned]:
    steps: list[Planned] = [
        Step(when(), "save", amount=chance.choice((1, 1, 1, 2, 5)))
        for _ in range(chance.randint(2, 7))
    ]
    if chance.random() < 0.3:
        steps.append(Step(when(), "save again"))
    if chance.random() < 0.2:
        steps.append(Step(when(), "save refused", chance.choice(("mlflow", "wandb"))))
    return steps


def ends_of_processes(chance: Random, when: Times) -> list[Planned]:
    what = ("kill daemon", "kill worker", "stop daemon", "freeze worker", "freeze daemon")
    return [
        Step(when(), chance.choice(what), amount=_freeze(chance))
        for _ in range(chance.randint(1, 5))
    ]


def _freeze(chance: Random) -> float:
    return chance.choice((5.0, 40.0, 60.0, 90.0, 10 * MINUTE, 2 * HOUR))


def second_daemons(chance: Random, when: Times) -> list[Planned]:
    return [Step(when(), "another daemon") for _ in range(chance.randint(1, 3))]


def drains(chance: Random, when: Times) -> list[Planned]:
    return [Step(when(), "drain") for _ in range(chance.randint(1, 3))]


def _outages(chance: Random, when: Times) -> list[Planned]:
    what = ("away", "503", "429", "403", "cut off", "flaky")
    return [
        Step(
            when(),
            chance.choice(what),
            chance.choice(("mlflow", "wandb")),
            chance.choice((2.0, 20.0, MINUTE, 10 * MINUTE, HOUR)),
        )
        for _ in range(chance.randint(1, 4))
    ]


def cut_offs(chance: Random, when: Times) -> list[Planned]:
    """Draws times at which this host alone can't reach a service."""
    return [
        Step(
            when(),
            "cut off",
            chance.choice(("mlflow", "wandb")),
            chance.choice((20.0, 10 * MINUTE)),
        )
        for _ in range(chance.randint(1, 3))
    ]


def clocks(chance: Random, when: Times) -> list[Planned]:
    steps: list[Planned] = [
        Step(when(), "set clock", amount=chance.choice((-1, 1)) * chance.choice(_JUMPS))
        for _ in range(chance.randint(0, 2))
    ]
    steps.append(Step(0.0, "drift", amount=chance.uniform(-0.001, 0.001)))
    return steps


def sleeps(chance: Random, when: Times) -> list[Planned]:
    return [Step(when(), "sleep", amount=_freeze(chance)) for _ in range(chance.randint(1, 3))]


def operators(chance: Random, when: Times) -> list[Planned]:
    what = ("retry all", "discard", "delete", "pause", "resume", "delete run", "prune")
    return [
        Step(when(), chance.choice(what), chance.choice(("mlflow", "wandb")))
        for _ in range(chance.randint(1, 5))
    ]


def _stalls(chance: Random, _when: Times) -> list[Planned]:
    """Draws workers that stand still in mid-delivery for longer than a lease, beside another daemon."""
    found = {
        (chance.choice(_MAY_HANG), chance.randint(1, 6)): chance.choice((52.0, 60.0, 90.0))
        for _ in range(chance.randint(1, 3))
    }
    stalls = [Fault(at, nth, "freeze", seconds) for (at, nth), seconds in found.items()]
    return [Step(1.0, "another daemon"), *stalls]


def _slow_creates(chance: Random, _when: Times) -> list[Planned]:
    """Draws creates that arrive after nobody waits for them any more, but within the grace period."""
    return [Fault("mlflow create", nth, "late", chance.uniform(11, 28)) for nth in (1, 2, 4)]


def _hangs(chance: Random, _when: Times) -> list[Planned]:
    return [Fault(chance.choice(_MAY_HANG), chance.randint(1, 4), "hang")]


def _cuts(chance: Random, _when: Times) -> list[Planned]:
    """Draws outages that begin while a request is on its way."""
    found = {(chance.choice(_REQUESTS), chance.randint(1, 8)) for _ in range(2)}
    return [Fault(at, nth, OUTAGE, chance.choice((60.0, 10 * MINUTE))) for at, nth in sorted(found)]


def _silent_losses(chance: Random, _when: Times) -> list[Planned]:
    """Draws refusals of W&B's file stream, of which the SDK says nothing."""
    return [Fault("wandb stream", nth, "403") for nth in {chance.randint(1, 8) for _ in range(2)}]


def _lags(chance: Random, when: Times) -> list[Planned]:
    return [Step(0.0, "lag", "wandb", chance.choice((0.3, 3.0, 45.0, 200.0)))]


Draw: TypeAlias = Callable[[Random, Times], list[Planned]]
DRAWS: tuple[Draw, ...] = (
    ends_of_processes,
    second_daemons,
    drains,
    _outages,
    clocks,
    sleeps,
    operators,
    _lags,
    _stalls,
    _slow_creates,
    _hangs,
    _cuts,
    _silent_losses,
)


def faults(chance: Random) -> list[Planned]:
    """Draws faults at touches: of the database, and of requests."""
    found: dict[tuple[str, int], Planned] = {}
    for _ in range(chance.choice((0, 2, 4, 8))):
        at = chance.choice((TURN, COMMIT, COMMITTED))
        of = chance.choice(("", " worker mlflow", " worker wandb", " daemon", " producer"))
        nth = chance.randint(1, 150 if not of else 25)
        effect = chance.choice(("kill", "kill", "freeze", FULL if at == COMMIT else "kill"))
        found[at + of, nth] = Fault(at + of, nth, effect, _how_long(chance, effect))
    for _ in range(chance.choice((0, 2, 5, 10))):
        at, nth = chance.choice(_REQUESTS), chance.randint(1, 20)
        effect = chance.choice(
            ("kill", "freeze", "lost", "no_reply", "no_reply", "late", "late", *ANSWERS)
        )
        found[at, nth] = Fault(at, nth, effect, _how_long(chance, effect))
    return [*found.values()]


def _how_long(chance: Random, effect: str) -> float:
    match effect:
        case "freeze":
            return _freeze(chance)
        case "late":
            return chance.choice((11.0, 31.0, 60.0, 10 * MINUTE, _MOST_LATE))
        case "full" | "429" | "503":
            return chance.choice((1.0, 30.0, 5 * MINUTE))
        case _:
            return 0.0
