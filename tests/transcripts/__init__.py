"""What each verb prints, over a database in which time stands still: for the docs, and to compare."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[2] / "daemon" / "docs" / "reference" / "transcripts.md"
DEMO = "### demo"
"""The heading of the demo's transcript, which takes a minute, and whose numbers scikit-learn makes."""
