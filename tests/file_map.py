"""`python -m tests.file_map`: writes the docs' page that says of each file what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from tests.support.documents import CODE, DOCS

_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
PAGE = DOCS / "reference" / "files.md"
_INTRODUCTION = """# What each file does

A line for each file of `fairmind_sync/`: the first paragraph of its docstring, and the functions and classes
that other files may use. What the folders are for: [the house](../ARCHITECTURE.md#the-house).
`python -m tests.file_map` writes this page.
"""


def page() -> str:
    """Returns the page, with a section for each folder."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    files = sorted(CODE.rglob("*.py"), key=lambda path: (path.parent, path.name))
    for folder, inside in groupby(files, attrgetter("parent")):
        lines = [line for path in inside if (line := _line(path))]
        yield "\n".join([f"## {_inside(folder) or CODE.name}", "", *lines, ""])


def _inside(path: Path) -> str:
    return "/".join(path.relative_to(CODE).parts)


def _line(path: Path) -> str | None:
    """The file, the beginning of its docstring, and what it gives to others; None for an empty file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = ast.get_docstring(tree)
    names = [f"`{node.name}`" for node in tree.body if isinstance(node, _NAMED)]
    given = ", ".join(name for name in names if not name.startswith("`_"))
    first = " ".join((told or "").partition("\n\n")[0].split())
    return f"- `{_inside(path)}`: {first}{f' {given}.' if given else ''}" if told else None


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
