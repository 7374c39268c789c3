"""The shape of a doctor's finding: what was checked, what was found, and the remedy if something is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; `remedy` is set where something is wrong."""

    check: str
    detail: str
    remedy: str | None = None

    @property
    def is_ok(self) -> bool:
        return self.remedy is None
