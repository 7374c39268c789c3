"""Draws evidence beside the numbers, in a third of the seeds: stores that take no files, and lost requests.

Drawn by a stream of chance of its own, so that whatever else a seed has stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from fairmind_sync.results.evidence_states import EvidenceKind
from tests.simulation.events import HOUR, MINUTE, Planned, Step, Times
from tests.simulation.faults import ANSWERS, Fault
from tests.simulation.file_stores import FORGETS, OFF

_HOW_OFTEN = 1 / 3
_TROUBLES = {"mlflow": (OFF, FORGETS, "403", "500"), "wandb": (FORGETS, "403", "500")}
_LASTS = (20.0, 10 * MINUTE, HOUR, 8 * HOUR, 0.0)
"""0: for ever."""
_REQUESTS = (
    "mlflow store_file",
    "mlflow read_file",
    "mlflow log_dataset",
    "wandb create_files",
    "wandb store_file",
)
_EFFECTS = ("lost", "no_reply", "late", "hang", "kill", "freeze", "403", *ANSWERS)


def drawn_evidence(
    chance: Random, bursts: Sequence[float], hosts: int
) -> tuple[EvidenceKind, list[Planned]]:
    """Returns how much evidence runs get, and what befalls it."""
    if chance.random() > _HOW_OFTEN:
        return "none", []
    kind: EvidenceKind = chance.choice(("full", "full", "result"))
    when = Times(chance, bursts)
    steps: list[Planned] = [_trouble(chance, when) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
    steps += [
        Step(when(), "retry evidence", host=chance.randrange(hosts))
        for _ in range(chance.choice((0, 1, 2)))
    ]
    return kind, [*steps, *_faults(chance)]


def _trouble(chance: Random, when: Times) -> Step:
    who = chance.choice((*_TROUBLES,))
    return Step(when(), f"files {chance.choice(_TROUBLES[who])}", who, chance.choice(_LASTS))


def _faults(chance: Random) -> list[Planned]:
    found: dict[tuple[str, int], Planned] = {}
    for _ in range(chance.choice((0, 2, 4, 6))):
        at, nth = chance.choice(_REQUESTS), chance.randint(1, 12)
        effect = chance.choice(_EFFECTS)
        late = effect in ("late", "freeze")
        seconds = chance.choice((11.0, 40.0, 90.0, 10 * MINUTE)) if late else 0.0
        found[at, nth] = Fault(at, nth, effect, seconds)
    return [*found.values()]
