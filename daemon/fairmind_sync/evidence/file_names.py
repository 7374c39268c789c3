"""The names of the files of evidence: result.json, report.html, groups.json, groups.csv."""

from __future__ import annotations

RESULT, REPORT, TABLE, CSV = "result.json", "report.html", "groups.json", "groups.csv"
