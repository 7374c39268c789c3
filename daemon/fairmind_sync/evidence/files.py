"""Makes the files of evidence of a result: which there are, their
bytes (always the same), hashes and digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from fairmind_sync.evidence.file_names import CSV, REPORT, RESULT, TABLE
from fairmind_sync.evidence.group_table import groups_csv, groups_json, table_of
from fairmind_sync.evidence.report import report_html
from fairmind_sync.evidence.result_json import result_json
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.evidence_states import EvidenceKind
from fairmind_sync.results.plain_json import digest
from fairmind_sync.results.verdict import verdict_of


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file; `sha256` is in hexadecimal digits."""

    name: str
    content_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All files of a result; `digest` is that of their names and contents, and empty if there are none."""

    files: tuple[EvidenceFile, ...] = ()

    @property
    def digest(self) -> str:
        return digest({one.name: one.sha256 for one in self.files}) if self.files else ""


def evidence_of(result: SavedResult, kind: EvidenceKind = "full") -> Evidence:
    """Returns the files; the tables only where the result holds numbers of groups or metrics.

    A function of the result alone, without clock, chance or settings: a repeated delivery makes the same
    bytes, so their hashes are their proof.
    """
    return Evidence(tuple(_files(result, kind)))


def report_of(result: SavedResult) -> str:
    """Returns the report as HTML, the same as in the evidence."""
    return report_html(result, verdict_of(result.results), table_of(result))


def _files(result: SavedResult, kind: EvidenceKind) -> Iterator[EvidenceFile]:
    if kind == "none":
        return
    verdict = verdict_of(result.results)
    yield _file(RESULT, "application/json", result_json(result, verdict))
    if kind == "full":
        table = table_of(result)
        if table.rows:
            yield _file(TABLE, "application/json", groups_json(table))
            yield _file(CSV, "text/csv", groups_csv(table))
        yield _file(REPORT, "text/html", report_html(result, verdict, table))


def _file(name: str, content_type: str, text: str) -> EvidenceFile:
    return EvidenceFile(name, content_type, text.encode("utf-8"))
