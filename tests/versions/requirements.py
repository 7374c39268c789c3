"""What pyproject.toml requires."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def requirements(*extras: str) -> list[Requirement]:
    """The project's own packages and those of the extras; all extras where none is named."""
    chosen = extras or _PROJECT["optional-dependencies"]
    texts = [*_PROJECT["dependencies"]]
    texts += [text for extra in chosen for text in _PROJECT["optional-dependencies"][extra]]
    found = {text: Requirement(text) for text in texts}
    return [one for one in found.values() if one.name != _PROJECT["name"]]
