"""The house keeps its order: short files, names that are used once, and doors that cost nothing to pass."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import fairmind_sync
from fairmind_sync.storage import tables
from tests import file_map

PACKAGE = Path(fairmind_sync.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("*.py"))
MOST_LINES = 300
PASSED_BY_PRODUCERS = ("intake", "outbox", "results", "storage")
IN_EACH_PROVIDERS_FOLDER = {"content", "provider"}
"""Modules that say the same of each provider."""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def test_each_file_can_be_read_in_one_go() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES + TESTS}
    assert {path.name: count for path, count in lines.items() if count > MOST_LINES} == {}


@pytest.mark.parametrize("package", PASSED_BY_PRODUCERS)
def test_a_package_that_producers_pass_through_imports_nothing(package: str) -> None:
    assert (PACKAGE / package / "__init__.py").read_text(encoding="utf-8") == ""


def module_names() -> Iterator[str]:
    """Those of modules and packages, without what stands in each provider's folder."""
    for path in MODULES:
        name = path.parent.name if path.name == "__init__.py" else path.stem
        if name not in IN_EACH_PROVIDERS_FOLDER and not name.startswith("_"):
            yield name


def class_names() -> Iterator[str]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield node.name


def used_twice(names: Iterator[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def test_no_two_modules_share_a_name() -> None:
    """But the relay and its loop: nobody takes one for the other."""
    assert used_twice(name for name in module_names() if name != "relay") == []


def test_no_two_classes_share_a_name() -> None:
    assert used_twice(class_names()) == []


def test_no_table_is_called_like_a_module() -> None:
    called = {
        name for name, value in vars(tables).items() if value in tables.metadata.tables.values()
    }
    assert called & set(module_names()) == set()


def test_the_docs_say_of_each_file_what_it_does() -> None:
    told = file_map.PAGE.read_text(encoding="utf-8")
    assert told == file_map.page(), "run: python -m tests.file_map"


def test_each_file_says_what_it_does() -> None:
    silent = [path for path in MODULES if path.name != "__init__.py" and not has_docstring(path)]
    assert silent == []


def has_docstring(path: Path) -> bool:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is not None


def beginnings() -> Iterator[tuple[str, int, int]]:
    """Yields of each docstring where it is, how many lines its first paragraph has, and how many it may."""
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, DOCUMENTED) and (told := ast.get_docstring(node)):
                lines = len(told.partition("\n\n")[0].splitlines())
                name = getattr(node, "name", "the module")
                yield f"{path.stem}: {name}", lines, 2 if node is tree else 1


def test_a_docstring_begins_with_one_line_and_a_modules_with_two_at_most() -> None:
    assert [where for where, lines, most in beginnings() if lines > most] == []
