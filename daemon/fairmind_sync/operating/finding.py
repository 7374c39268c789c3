"""What a check of the doctor finds."""

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
