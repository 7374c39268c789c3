"""Draws what happens to one to four hosts with one PostgreSQL database: plans without files and sticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from tests.simulation.draws import DRAWS, Draw, drains, faults, nights, saves
from tests.simulation.events import BURST, HOUR, MINUTE, Planned, Step, Times
from tests.simulation.evidence_draws import drawn_evidence
from tests.simulation.faults import COMMIT, Fault
from tests.simulation.hosts import DATABASE
from tests.simulation.more_hosts import WITH_NETWORK
from tests.simulation.plan import Plan, drawn_bursts
from tests.simulation.sweep_draws import drawn_sweeps

_ON_FURTHER_HOSTS: tuple[Draw, ...] = (*WITH_NETWORK, drains)
_AWAY = (20.0, MINUTE, 10 * MINUTE)
_WHOSE = ("", " worker mlflow", " worker wandb", " daemon", " producer", " operator")


def shared_plan_of(seed: int) -> Plan:
    """Draws the events of a seed on PostgreSQL."""
    chance = Random(f"shared {seed}")
    bursts = drawn_bursts(chance)
    when = Times(chance, bursts)
    seconds = bursts[-1] + BURST + chance.choice((0.0, 20 * MINUTE))
    hosts = (True,) * chance.choice((1, 2, 2, 3, 3, 4))
    events: list[Planned] = [*saves(chance, when), *nights(chance, bursts)]
    for draw in DRAWS:
        if chance.random() < 0.5:
            events += draw(chance, when)
    for host in range(1, len(hosts)):
        events += _on_a_further_host(chance, when, bursts, host)
    events += _trouble_with_the_server(chance, when, len(hosts))
    events += _commits_without_a_reply(chance)
    events += faults(chance)
    events += drawn_sweeps(Random(f"sweeps {seed}"))
    evidence, befalls = drawn_evidence(Random(f"evidence {seed}"), bursts, len(hosts))
    events += befalls
    return Plan(
        seed=seed,
        hours=seconds / HOUR,
        max_attempts=chance.choice((3, 5, 12)),
        retention=chance.choice((None, None, None, 2 * HOUR)),
        events=tuple(events),
        numbers=tuple(range(len(events))),
        hosts=hosts,
        is_shared=True,
        evidence=evidence,
    )


def _on_a_further_host(
    chance: Random, when: Times, bursts: Sequence[float], host: int
) -> list[Planned]:
    events = [*saves(chance, when)[:4], *nights(chance, bursts)]
    for draw in _ON_FURTHER_HOSTS:
        if chance.random() < 0.3:
            events += draw(chance, when)
    return [replace(one, host=host) if isinstance(one, Step) else one for one in events]


def _trouble_with_the_server(chance: Random, when: Times, hosts: int) -> list[Planned]:
    """Draws restarts of the server, hosts that don't reach it for a while, and upgrades of hosts."""
    steps: list[Planned] = [
        Step(when(), "restart server", amount=chance.choice((0.0, 3.0, MINUTE)))
        for _ in range(chance.choice((0, 0, 1, 2)))
    ]
    steps += [
        Step(when(), "cut off", DATABASE, chance.choice(_AWAY), chance.randrange(hosts))
        for _ in range(chance.choice((0, 0, 1, 2)))
    ]
    if chance.random() < 0.3:
        steps.append(Step(when(), "upgrade", host=chance.randrange(hosts)))
    return steps


def _commits_without_a_reply(chance: Random) -> list[Planned]:
    """Draws commits that the server makes, and of which nobody hears."""
    found: dict[tuple[str, int], Planned] = {}
    for _ in range(chance.choice((0, 0, 2, 5))):
        of = chance.choice(_WHOSE)
        at, nth = COMMIT + of, chance.randint(1, 150 if not of else 25)
        found[at, nth] = Fault(at, nth, "no_reply")
    return [*found.values()]
