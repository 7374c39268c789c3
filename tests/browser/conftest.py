"""A real browser, a fresh profile for each test, and the pages that it visits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from tests.browser.chromium import PATIENCE_MS, chromium
from tests.browser.site import Site, open_live_site, open_site

OpenPage: TypeAlias = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with this package's tests: while Playwright runs, its thread can run no other event loop."""
    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page in a fresh context; keywords as in `Browser.new_context`."""
    with ExitStack() as stack:

        def open_page(**options: Any) -> Page:
            context = stack.enter_context(browser.new_context(**options))
            context.set_default_timeout(PATIENCE_MS)
            return context.new_page()

        yield open_page


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


@pytest.fixture
def site(engine: Engine) -> Iterator[Site]:
    with open_site(engine) as site:
        yield site


@pytest.fixture
def live_site(engine: Engine, tmp_path: Path, mlflow_uri: str) -> Iterator[Site]:
    with open_live_site(engine, tmp_path, mlflow_uri) as site:
        yield site
