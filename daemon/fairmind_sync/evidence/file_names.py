"""What the files of evidence are called."""

from __future__ import annotations

RESULT, REPORT, TABLE, CSV = "result.json", "report.html", "groups.json", "groups.csv"
