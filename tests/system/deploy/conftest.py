"""Prometheus' own tool, which says what Prometheus would take."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

Promtool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def promtool() -> Promtool:
    path = shutil.which("promtool")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is missing: .ci/run takes it from Debian's package prometheus")
        pytest.skip("promtool is missing: it is part of Prometheus")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [path, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    return run
