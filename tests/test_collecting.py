"""Whether a clone's tests are compiled is seen from what pytest has left beside them."""

from __future__ import annotations

import os
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.support.collecting import is_compiled


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of tests, which nobody has compiled."""
    file = tmp_path / "test_it.py"
    file.write_text("")
    return file


def leave(file: Path, end: str, *, younger: float = 0) -> None:
    compiled = Path(cache_from_source(str(file))).with_suffix("")
    compiled.parent.mkdir()
    (left := Path(f"{compiled}{end}")).write_text("")
    written = file.stat().st_mtime + younger
    os.utime(left, (written, written))


def test_a_file_that_pytest_has_compiled_is(file: Path) -> None:
    leave(file, "-pytest-1.2.3.pyc")
    assert is_compiled(file.parent)


def test_a_file_of_which_nothing_lies_there_is_not(file: Path) -> None:
    assert not is_compiled(file.parent)


def test_a_file_that_was_imported_without_pytest_is_not(file: Path) -> None:
    leave(file, ".pyc")
    assert not is_compiled(file.parent)


def test_a_file_that_was_written_since_is_not(file: Path) -> None:
    leave(file, "-pytest-1.2.3.pyc", younger=-1)
    assert not is_compiled(file.parent)
