"""Draws further hosts, in about a third of the seeds: some have no network, and bundles go to and fro.

The first host has a network, and is drawn without regard to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from tests.simulation.draws import (
    Draw,
    clocks,
    cut_offs,
    drains,
    ends_of_processes,
    nights,
    operators,
    saves,
    second_daemons,
    sleeps,
)
from tests.simulation.events import HOUR, MINUTE, Planned, Step, Times

ONE_HOST = (True,)
_HOW_OFTEN = 0.35
_ON_ITS_WAY = (MINUTE, 10 * MINUTE, HOUR, 8 * HOUR, 26 * HOUR)
WITH_NETWORK: tuple[Draw, ...] = (
    ends_of_processes,
    second_daemons,
    cut_offs,
    clocks,
    sleeps,
    operators,
)
_WITHOUT: tuple[Draw, ...] = (clocks, operators, drains)


def drawn_hosts(chance: Random, bursts: Sequence[float]) -> tuple[tuple[bool, ...], list[Planned]]:
    """Returns of each host whether it has a network, and what happens on all but the first."""
    if chance.random() > _HOW_OFTEN:
        return ONE_HOST, []
    hosts = (True, *(chance.random() < 0.4 for _ in range(chance.choice((1, 1, 2, 3)))))
    when, events = Times(chance, bursts), list[Planned]()
    for host, has_network in enumerate(hosts[1:], 1):
        on_host = [*saves(chance, when)[:4]]
        for draw in WITH_NETWORK if has_network else _WITHOUT:
            if chance.random() < 0.3:
                on_host += draw(chance, when)
        if has_network:
            on_host += nights(chance, bursts)
        else:
            on_host += _days_with_a_network(chance, when)
            events += _sticks(chance, when, host, [n for n, has in enumerate(hosts) if has])
        events += [replace(one, host=host) for one in on_host if isinstance(one, Step)]
    return hosts, events


def _days_with_a_network(chance: Random, when: Times) -> list[Planned]:
    """Now and then the host has a network for a while, and its results are drained."""
    if chance.random() < 0.6:
        return []
    at = when()
    seconds = chance.choice((20.0, 10 * MINUTE))
    return [
        Step(at, "network", amount=seconds),
        Step(at + chance.uniform(0, 10), "drain"),
    ]


def _sticks(chance: Random, when: Times, home: int, couriers: Sequence[int]) -> list[Planned]:
    """Draws sticks to couriers and back: slow, lost, brought once more; and bundles that are taken back."""
    steps: list[Planned] = []
    for _ in range(chance.randint(1, 5)):
        courier = chance.choice(couriers)
        out, back = when(), when()
        how = chance.choice(("export", "export", "export again"))
        steps += [
            Step(out, how, str(courier), _way(chance), home),
            Step(back, "receipts", str(home), _way(chance), courier),
        ]
    for _ in range(chance.choice((0, 0, 1, 3))):
        steps.append(Step(when(), "bring again", amount=_way(chance), host=home))
    if chance.random() < 0.4:
        steps.append(Step(when(), "take back", host=home))
    if chance.random() < 0.15:
        steps.append(Step(when(), "take back by mistake", host=home))
    return steps


def _way(chance: Random) -> float:
    """Seconds until a stick is read; 0 for one that is lost on its way."""
    return 0.0 if chance.random() < 0.25 else chance.choice(_ON_ITS_WAY)


def drawn_moves(chance: Random, bursts: Sequence[float], hosts: int) -> list[Planned]:
    """Draws what operators do to a whole site: a copy with which it goes on, upgrades."""
    when, steps = Times(chance, bursts), list[Planned]()
    if chance.random() < 0.15:
        haste = chance.choice(("", "in haste"))
        steps.append(Step(when(), "copy", haste, host=chance.randrange(hosts)))
    if chance.random() < 0.2:
        steps.append(Step(when(), "upgrade", host=chance.randrange(hosts)))
    return steps
