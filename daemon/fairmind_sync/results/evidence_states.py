"""The states of a delivered run's evidence: stored, waiting or refused, and whether a try is left. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

EvidenceKind: TypeAlias = Literal["full", "result", "none"]
"""How much evidence a run gets: all, the result alone, or nothing."""

STORED, WAITING, REFUSED = "stored", "waiting", "refused"
EVIDENCE_STATES = (STORED, WAITING, REFUSED)


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """One of `EVIDENCE_STATES`, and in words why the evidence is not stored.

    Waiting evidence may be stored at the next try, or hasn't been tried; refused evidence only after somebody
    has put something right. Where `is_final` is true, no try is made any more.
    """

    state: str
    reason: str = ""
    is_final: bool = False

    @property
    def is_stored(self) -> bool:
        return self.state == STORED

    @property
    def is_done(self) -> bool:
        """Whether no try is left to make."""
        return self.is_stored or self.is_final


ALL_STORED = EvidenceState(STORED)
