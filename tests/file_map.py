"""`python -m tests.file_map`: writes the docs' page that says of each file what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from tests.support.documents import CODE, DOCS

PAGE = DOCS / "reference" / "files.md"
_INTRODUCTION = """# What each file does

A line for each file of `fairmind_sync/`: the first sentence of its docstring. What the folders are for, and
which of them may import which: [the house](../ARCHITECTURE.md#the-house).
`python -m tests.file_map` writes this page.
"""


def page() -> str:
    """Returns the page, with a section for each folder."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    files = sorted(CODE.rglob("*.py"), key=lambda path: (path.parent, path.name))
    for folder, inside in groupby(files, attrgetter("parent")):
        lines = [
            f"- `{_inside(path)}`: {told}" for path in inside if (told := _first_sentence(path))
        ]
        yield "\n".join([f"## {_inside(folder) or CODE.name}", "", *lines, ""])


def _inside(path: Path) -> str:
    return "/".join(path.relative_to(CODE).parts)


def _first_sentence(path: Path) -> str | None:
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return told.splitlines()[0] if told else None


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
