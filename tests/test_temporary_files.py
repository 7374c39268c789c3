"""Whether temporary files can be written, and what is said where not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from fairmind_sync import temporary_files
from fairmind_sync.temporary_files import LEAST_FREE, trouble


@pytest.mark.parametrize(("free", "is_trouble"), [(LEAST_FREE, False), (LEAST_FREE - 1, True)])
def test_little_room_is_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, is_trouble: bool
) -> None:
    monkeypatch.setattr(temporary_files, "free_bytes", lambda _directory: free)
    assert (trouble(tmp_path) is not None) == is_trouble


def test_what_is_said_names_the_place_and_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary_files, "free_bytes", lambda _directory: 3 * 1024**2)
    said = trouble(tmp_path) or ""
    assert said.startswith(f"only 3 MB are free for temporary files in {tmp_path}. Free space")
    assert "TMPDIR" in said


def test_a_place_that_is_gone_is_trouble(tmp_path: Path) -> None:
    assert "No such file or directory" in (trouble(tmp_path / "gone") or "")


def test_no_place_at_all_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    assert (trouble() or "").startswith("no directory can take temporary files. Free space")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    assert (trouble(tmp_path), list(tmp_path.iterdir())) == (None, [])
