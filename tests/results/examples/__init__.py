"""Results in the shapes in which FairMind's tests hand them over; keys and nesting are FairMind's."""

from __future__ import annotations

import json
from pathlib import Path

from fairmind_sync.results.plain_json import Json

_HERE = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in _HERE.glob("*.json")))


def example(name: str) -> dict[str, Json]:
    found: dict[str, Json] = json.loads((_HERE / f"{name}.json").read_text(encoding="utf-8"))
    return found
