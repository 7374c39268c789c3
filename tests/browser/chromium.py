"""Debian's Chromium without a window: what is started, and how."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

PATIENCE_MS = 120_000
_PACKAGES = ("chromium-headless-shell", "chromium")
"""The first is the same browser without what draws windows: its tests take half the processor time."""
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Starts the browser, and ends it with the block; a test without one is skipped, and fails in CI."""
    path = next(filter(None, map(shutil.which, _PACKAGES)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"Chromium is missing: apt-get install {_PACKAGES[0]}")
        pytest.skip("Chromium is missing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=_ARGUMENTS, timeout=PATIENCE_MS
        )
        yield browser
        browser.close()
