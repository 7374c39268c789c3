"""The document that the product was ordered from, and the code blocks in it."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).parent / "mlops-integration.md").read_text(encoding="utf-8")


def blocks(language: str, *, holding: str = "") -> list[str]:
    """The fenced blocks of a language, in order, verbatim."""
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return [block for block in found if holding in block]
