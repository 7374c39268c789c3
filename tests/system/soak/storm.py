"""Rules that disturb a share of a server's requests at random."""

from __future__ import annotations

from tests.standins.faults import Action, Fault

_SHARES: dict[Action, float] = {
    "delay": 0.6,
    "drop_before": 0.09,
    "drop_after": 0.1,
    "half": 0.06,
    "empty": 0.06,
    "html": 0.06,
    "status": 0.03,
    "late": 0.003,
    "hang": 0.003,
}
LATE_S = 11.0
"""Longer than any of our time-outs."""


def storm(disturbed: float, seed: int) -> list[Fault]:
    """So that a request is disturbed with that probability: more than half of them only delayed."""
    rules = []
    undecided = 1.0
    for number, (action, share) in enumerate(_SHARES.items()):
        wanted = disturbed * share
        rules.append(
            Fault(
                "any",
                action,
                status=500,
                seconds=LATE_S if action == "late" else 0.1,
                probability=wanted / undecided,
                seed=seed * 100 + number,
            )
        )
        undecided -= wanted
    return rules
