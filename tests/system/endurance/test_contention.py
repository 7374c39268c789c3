"""A few seconds of what the long run does for ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.endurance.contention import run


@pytest.mark.nightly
def test_nobody_is_told_that_the_database_is_locked(tmp_path: Path) -> None:
    report = run(5, 5, tmp_path)
    assert report.is_clean, report
