"""The shape of a doctor's finding: what was checked, what was found, and the remedy if something is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; `remedy` is set where something is wrong, or may be: then it is a warning."""

    check: str
    detail: str
    remedy: str | None = None
    is_warning: bool = field(default=False, kw_only=True)

    @property
    def is_ok(self) -> bool:
        return self.remedy is None or self.is_warning
