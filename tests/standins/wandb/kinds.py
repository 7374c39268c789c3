"""Kinds of request that are special cases of another."""

from __future__ import annotations

from tests.standins import faults

_GENERAL = {"upsert_finish": "upsert", "file_stream_complete": "file_stream"}


def general(kind: str) -> str:
    """The kind that `kind` is a case of; most are their own."""
    return _GENERAL.get(kind, kind)


class Fault(faults.Fault):
    """A rule for a general kind strikes its special cases too."""

    def strikes(self, kind: str) -> bool:
        return super().strikes(general(kind) if self.kind == general(kind) else kind)
