"""What happens in a run: drawn from the seed beforehand, so that a part of it can be left out.

A plan is a list of events: steps of people and of the world at a time, and faults at a touch. A failing run
is repeated with ever fewer of its events, until each one left is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from fairmind_sync.results.evidence_states import EvidenceKind
from tests.simulation.draws import DRAWS, faults, nights, saves
from tests.simulation.events import BURST, HOUR, MINUTE, Planned, Step, Times
from tests.simulation.evidence_draws import drawn_evidence
from tests.simulation.faults import Fault
from tests.simulation.more_hosts import ONE_HOST, drawn_hosts, drawn_moves
from tests.simulation.sweep_draws import drawn_sweeps

_BETWEEN = (15 * MINUTE, 8 * HOUR, 14 * HOUR, 26 * HOUR, 72 * HOUR)


@dataclass(frozen=True, slots=True)
class Plan:
    """The events of a seed; `numbers` are those that happen, all of them unless some are left out.

    `hosts` says of each host whether it has a network, `is_shared` whether they share a database, `evidence`
    how much of it runs get.
    """

    seed: int
    hours: float
    max_attempts: int
    retention: float | None
    events: tuple[Planned, ...]
    numbers: tuple[int, ...]
    hosts: tuple[bool, ...] = ONE_HOST
    is_shared: bool = False
    evidence: EvidenceKind = "none"

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


def drawn_bursts(chance: Random) -> list[float]:
    """Draws when something happens; the first time is at once."""
    bursts = [0.0]
    for _ in range(chance.randint(0, 3)):
        bursts.append(bursts[-1] + chance.choice(_BETWEEN))
    return bursts


def plan_of(seed: int) -> Plan:
    """Draws the events of a seed. What a seed is rich in differs from seed to seed."""
    chance = Random(f"plan {seed}")
    bursts = drawn_bursts(chance)
    when = Times(chance, bursts)
    seconds = bursts[-1] + BURST + chance.choice((0.0, 20 * MINUTE))
    events: list[Planned] = [*saves(chance, when), *nights(chance, bursts)]
    for draw in DRAWS:
        if chance.random() < 0.5:
            events += draw(chance, when)
    events += faults(chance)
    attempts, retention = chance.choice((3, 5, 12)), chance.choice((None, None, None, 2 * HOUR))
    hosts, more = drawn_hosts(Random(f"hosts {seed}"), bursts)
    events += more
    events += drawn_moves(Random(f"moves {seed}"), bursts, len(hosts))
    events += drawn_sweeps(Random(f"sweeps {seed}"))
    evidence, befalls = drawn_evidence(Random(f"evidence {seed}"), bursts, len(hosts))
    events += befalls
    return Plan(
        seed=seed,
        hours=seconds / HOUR,
        max_attempts=attempts,
        retention=retention,
        events=tuple(events),
        numbers=tuple(range(len(events))),
        hosts=hosts,
        evidence=evidence,
    )
