"""What happens in a run: drawn from the seed beforehand, so that a part of it can be left out.

A plan is a list of events: steps of people and of the world at a time, and faults at a touch. A failing run
is repeated with ever fewer of its events, until each one left is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import TypeAlias

from tests.simulation.faults import ANSWERS, COMMIT, COMMITTED, FULL, OUTAGE, TURN, Fault

_MINUTE, _HOUR = 60.0, 3600.0
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
_MOST_LATE = 5 * _HOUR
_JUMPS = (5.0, 90.0, 10 * _MINUTE, 2 * _HOUR, 48 * _HOUR)
_BURST = 5 * _MINUTE
_BETWEEN = (15 * _MINUTE, 8 * _HOUR, 14 * _HOUR, 26 * _HOUR, 72 * _HOUR)


@dataclass(frozen=True, slots=True)
class Step:
    """At `at` seconds, `what` happens; `who` and `amount` are what `what` takes."""

    at: float
    what: str
    who: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        amount = f"{self.amount:g}" if self.amount else ""
        return " ".join(filter(None, (self.what, self.who, amount, f"at {self.at:.1f} s")))


Planned: TypeAlias = Step | Fault


@dataclass(frozen=True, slots=True)
class Plan:
    """The events of a seed; `numbers` are those that happen, all of them unless some are left out."""

    seed: int
    hours: float
    max_attempts: int
    retention: float | None
    events: tuple[Planned, ...]
    numbers: tuple[int, ...]

    def only(self, numbers: Sequence[int]) -> Plan:
        return replace(self, numbers=tuple(numbers))

    @property
    def steps(self) -> list[Step]:
        return [one for one in self._chosen if isinstance(one, Step)]

    @property
    def faults(self) -> list[Fault]:
        return [one for one in self._chosen if isinstance(one, Fault)]

    @property
    def _chosen(self) -> list[Planned]:
        return [self.events[number] for number in self.numbers]


def plan_of(seed: int) -> Plan:
    """Draws the events of a seed. What a seed is rich in differs from seed to seed."""
    chance = Random(f"plan {seed}")
    bursts = [0.0]
    for _ in range(chance.randint(0, 3)):
        bursts.append(bursts[-1] + chance.choice(_BETWEEN))
    when = _Times(chance, bursts)
    seconds = bursts[-1] + _BURST + chance.choice((0.0, 20 * _MINUTE))
    events: list[Planned] = [*_saves(chance, when), *_nights(chance, bursts)]
    for draw in _DRAWS:
        if chance.random() < 0.5:
            events += draw(chance, when)
    events += _faults(chance)
    return Plan(
        seed=seed,
        hours=seconds / _HOUR,
        max_attempts=chance.choice((3, 5, 12)),
        retention=chance.choice((None, None, None, 2 * _HOUR)),
        events=tuple(events),
        numbers=tuple(range(len(events))),
    )


@dataclass(frozen=True, slots=True)
class _Times:
    """Draws times in bursts, most of them close together."""

    chance: Random
    bursts: Sequence[float]

    def __call__(self) -> float:
        near = self.chance.random() < 0.7
        return self.chance.choice(self.bursts) + self.chance.uniform(0, 90 if near else _BURST)


def _nights(chance: Random, bursts: Sequence[float]) -> list[Planned]:
    """Between two bursts far apart the machine sleeps, as a laptop does: that costs no time to simulate."""
    steps: list[Planned] = []
    for burst, following in pairwise(bursts):
        begin = burst + _BURST + chance.uniform(0, 10 * _MINUTE)
        if following - begin > _HOUR:
            steps.append(Step(begin, "sleep", amount=following - begin - 5.0))
    return steps


def _saves(chance: Random, when: _Times) -> list[Planned]:
    steps: list[Planned] = [
        Step(when(), "save", amount=chance.choice((1, 1, 1, 2, 5)))
        for _ in range(chance.randint(2, 7))
    ]
    if chance.random() < 0.3:
        steps.append(Step(when(), "save again"))
    if chance.random() < 0.2:
        steps.append(Step(when(), "save refused", chance.choice(("mlflow", "wandb"))))
    return steps


def _ends_of_processes(chance: Random, when: _Times) -> list[Planned]:
    what = ("kill daemon", "kill worker", "stop daemon", "freeze worker", "freeze daemon")
    return [
        Step(when(), chance.choice(what), amount=_freeze(chance))
        for _ in range(chance.randint(1, 5))
    ]


def _freeze(chance: Random) -> float:
    return chance.choice((5.0, 40.0, 60.0, 90.0, 10 * _MINUTE, 2 * _HOUR))


def _second_daemons(chance: Random, when: _Times) -> list[Planned]:
    return [Step(when(), "another daemon") for _ in range(chance.randint(1, 3))]


def _drains(chance: Random, when: _Times) -> list[Planned]:
    return [Step(when(), "drain") for _ in range(chance.randint(1, 3))]


def _outages(chance: Random, when: _Times) -> list[Planned]:
    what = ("away", "503", "429", "403", "cut off", "flaky")
    return [
        Step(
            when(),
            chance.choice(what),
            chance.choice(("mlflow", "wandb")),
            chance.choice((2.0, 20.0, _MINUTE, 10 * _MINUTE, _HOUR)),
        )
        for _ in range(chance.randint(1, 4))
    ]


def _clocks(chance: Random, when: _Times) -> list[Planned]:
    steps: list[Planned] = [
        Step(when(), "set clock", amount=chance.choice((-1, 1)) * chance.choice(_JUMPS))
        for _ in range(chance.randint(0, 2))
    ]
    steps.append(Step(0.0, "drift", amount=chance.uniform(-0.001, 0.001)))
    return steps


def _sleeps(chance: Random, when: _Times) -> list[Planned]:
    return [Step(when(), "sleep", amount=_freeze(chance)) for _ in range(chance.randint(1, 3))]


def _operators(chance: Random, when: _Times) -> list[Planned]:
    what = ("retry all", "discard", "delete", "pause", "resume", "delete run", "prune")
    return [
        Step(when(), chance.choice(what), chance.choice(("mlflow", "wandb")))
        for _ in range(chance.randint(1, 5))
    ]


def _stalls(chance: Random, _when: _Times) -> list[Planned]:
    """Draws workers that stand still in mid-delivery for longer than a lease, beside another daemon."""
    found = {
        (chance.choice(_MAY_HANG), chance.randint(1, 6)): chance.choice((52.0, 60.0, 90.0))
        for _ in range(chance.randint(1, 3))
    }
    stalls = [Fault(at, nth, "freeze", seconds) for (at, nth), seconds in found.items()]
    return [Step(1.0, "another daemon"), *stalls]


def _slow_creates(chance: Random, _when: _Times) -> list[Planned]:
    """Draws creates that arrive after nobody waits for them any more, but within the grace period."""
    return [Fault("mlflow create", nth, "late", chance.uniform(11, 28)) for nth in (1, 2, 4)]


def _hangs(chance: Random, _when: _Times) -> list[Planned]:
    return [Fault(chance.choice(_MAY_HANG), chance.randint(1, 4), "hang")]


def _cuts(chance: Random, _when: _Times) -> list[Planned]:
    """Draws outages that begin while a request is on its way."""
    found = {(chance.choice(_REQUESTS), chance.randint(1, 8)) for _ in range(2)}
    return [
        Fault(at, nth, OUTAGE, chance.choice((60.0, 10 * _MINUTE))) for at, nth in sorted(found)
    ]


def _silent_losses(chance: Random, _when: _Times) -> list[Planned]:
    """Draws refusals of W&B's file stream, of which the SDK says nothing."""
    return [Fault("wandb stream", nth, "403") for nth in {chance.randint(1, 8) for _ in range(2)}]


def _lags(chance: Random, when: _Times) -> list[Planned]:
    return [Step(0.0, "lag", "wandb", chance.choice((0.3, 3.0, 45.0, 200.0)))]


_DRAWS: tuple[Callable[[Random, _Times], list[Planned]], ...] = (
    _ends_of_processes,
    _second_daemons,
    _drains,
    _outages,
    _clocks,
    _sleeps,
    _operators,
    _lags,
    _stalls,
    _slow_creates,
    _hangs,
    _cuts,
    _silent_losses,
)


def _faults(chance: Random) -> list[Planned]:
    """Draws faults at touches: of the database, and of requests."""
    faults: dict[tuple[str, int], Planned] = {}
    for _ in range(chance.choice((0, 2, 4, 8))):
        at = chance.choice((TURN, COMMIT, COMMITTED))
        of = chance.choice(("", " worker mlflow", " worker wandb", " daemon", " producer"))
        nth = chance.randint(1, 150 if not of else 25)
        effect = chance.choice(("kill", "kill", "freeze", FULL if at == COMMIT else "kill"))
        faults[at + of, nth] = Fault(at + of, nth, effect, _how_long(chance, effect))
    for _ in range(chance.choice((0, 2, 5, 10))):
        at, nth = chance.choice(_REQUESTS), chance.randint(1, 20)
        effect = chance.choice(
            ("kill", "freeze", "lost", "no_reply", "no_reply", "late", "late", *ANSWERS)
        )
        faults[at, nth] = Fault(at, nth, effect, _how_long(chance, effect))
    return [*faults.values()]


def _how_long(chance: Random, effect: str) -> float:
    match effect:
        case "freeze":
            return _freeze(chance)
        case "late":
            return chance.choice((11.0, 31.0, 60.0, 10 * _MINUTE, _MOST_LATE))
        case "full" | "429" | "503":
            return chance.choice((1.0, 30.0, 5 * _MINUTE))
        case _:
            return 0.0
