"""What pyproject.toml requires."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
PYTHONS: list[str] = re.findall(
    r"^Programming Language :: Python :: (3\.\d+)$",
    "\n".join(_PROJECT["classifiers"]),
    re.MULTILINE,
)
"""The versions of Python that we support, oldest first."""


def requirements(*extras: str) -> list[Requirement]:
    """The project's own packages and those of the extras; all extras where none is named."""
    found = {text: Requirement(text) for text in _PROJECT["dependencies"]}
    ahead = [*(extras or _PROJECT["optional-dependencies"])]
    taken: set[str] = set()
    while ahead:
        taken.add(extra := ahead.pop(0))
        for text in _PROJECT["optional-dependencies"][extra]:
            required = Requirement(text)
            if required.name == _PROJECT["name"]:
                ahead += required.extras - taken
            else:
                found[text] = required
    return [*found.values()]


def base_requirements() -> list[Requirement]:
    """What an install without extras brings."""
    return [Requirement(text) for text in _PROJECT["dependencies"]]


def floor_of(required: Requirement) -> str:
    """The requirement of exactly the lower bound."""
    (lowest,) = [bound.version for bound in required.specifier if bound.operator == ">="]
    extras = f"[{','.join(sorted(required.extras))}]" if required.extras else ""
    return f"{required.name}{extras}=={lowest}"
