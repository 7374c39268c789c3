"""The names and contents of a run's evidence files as W&B keeps
them, and the pointers by which its page shows them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairmind_sync.evidence.file_names import CSV, REPORT, RESULT, TABLE
from fairmind_sync.evidence.files import EvidenceFile, evidence_of
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.evidence_states import EvidenceKind

NAMES = {
    RESULT: "evidence/result.json",
    CSV: "evidence/groups.csv",
    REPORT: "media/html/evidence/report.html",
    TABLE: "media/table/evidence/groups.table.json",
}
"""Fixed, where the SDK's own names would hold a step and a hash: a repeated upload replaces the files."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one run by W&B's names; `pointers` has W&B's page show report and table."""

    contents: Mapping[str, bytes]
    pointers: Mapping[str, dict[str, Any]]

    def missing_in(self, held: Mapping[str, str]) -> list[str]:
        """Returns the names of the files that W&B holds not, or otherwise; `held` has each file's MD5."""
        return [name for name, content in self.contents.items() if held.get(name) != md5(content)]


NO_FILES = RunFiles({}, {})


def files_of(result: SavedResult, kind: EvidenceKind) -> RunFiles:
    """Returns the files of the chosen kind of evidence; none for 'none'."""
    evidence = evidence_of(result, kind)
    pointers = {
        f"evidence/{word}": _pointer(file)
        for file in evidence.files
        if (word := {REPORT: "report", TABLE: "groups"}.get(file.name))
    }
    return RunFiles({NAMES[file.name]: file.content for file in evidence.files}, pointers)


def md5(content: bytes) -> str:
    """Returns the MD5 as W&B tells it, in base64."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _pointer(file: EvidenceFile) -> dict[str, Any]:
    about = {"path": NAMES[file.name], "sha256": file.sha256, "size": len(file.content)}
    if file.name == REPORT:
        return {"_type": "html-file", **about}
    table = json.loads(file.content)
    size = {"ncols": len(table["columns"]), "nrows": len(table["data"])}
    return {"_type": "table-file", **about, **size, "log_mode": "IMMUTABLE"}
