"""What holds on every page; one tour of the pages sees it all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

from fairmind_sync.storage import schema
from tests.browser.looks import FAINT_TEXTS
from tests.browser.site import PAGES, REPORT, Site, furnish, open_site

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PHONE: ViewportSize = {"width": 375, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 720}
ENOUGH_CONTRAST = 4.5  # WCAG AA
WITHOUT_NAME = re.compile(
    r"- (?:button|combobox|img|link|region|searchbox|table|textbox)\b(?! \").*"
)
WITHOUT_CAPTION = "table:not(:has(> caption), [aria-labelledby])"
HEADS_NOTHING = "th:not([scope=col], [scope=row])"


@dataclass
class Tour:
    """What a visit of each page has found."""

    address: str
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    faint: dict[str, list[str]] = field(default_factory=lambda: {scheme: [] for scheme in SCHEMES})
    widths: dict[str, int] = field(default_factory=dict)
    nameless: list[str] = field(default_factory=list)
    found: dict[str, list[str]] = field(
        default_factory=lambda: {WITHOUT_CAPTION: [], HEADS_NOTHING: []}
    )

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def look(self, page: Page, path: str) -> None:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            self.faint[scheme] += page.evaluate(FAINT_TEXTS, ENOUGH_CONTRAST)
        page.set_viewport_size(PHONE)
        self.widths[path] = page.evaluate("document.scrollingElement.scrollWidth")
        page.set_viewport_size(DESK)

    def read(self, page: Page) -> None:
        """As assistive technology does, with everything unfolded."""
        for summary in page.locator("summary").all():
            summary.click()
        self.nameless += WITHOUT_NAME.findall(page.locator("body").aria_snapshot())
        for selector in self.found:
            self.found[selector] += page.locator(selector).evaluate_all(
                "(all) => all.map((it) => it.outerHTML)"
            )


@pytest.fixture(scope="module")
def furnished_site(shared_place: Path, sqlite_template: Path) -> Iterator[Site]:
    shutil.copytree(sqlite_template, shared_place / "database")
    engine = schema.ready_engine(f"sqlite:///{shared_place}/database/fairmind-sync.db")
    furnish(engine)
    with open_site(engine) as site:
        yield site
    engine.dispose()


@pytest.fixture(scope="module")
def tour(browser: Browser, furnished_site: Site) -> Tour:
    """Stays on each page until nothing is on its way any more, and sees a refresh of one."""
    tour = Tour(furnished_site.url)
    with browser.new_context(viewport=DESK) as context:
        page = context.new_page()
        tour.follow(page)
        for path in PAGES:
            page.goto(tour.address + path, wait_until="networkidle")
            tour.look(page, path)
            tour.read(page)
        furnished_site.visit(page, REPORT)
        tour.look(page, REPORT)
        furnished_site.visit(page)
        furnished_site.await_refresh(page)
    return tour


def test_no_request_leaves_the_daemon(tour: Tour) -> None:
    strangers = [url for url in tour.asked if not url.startswith(f"{tour.address}/")]
    assert (len(tour.asked) > len(PAGES), strangers) == (True, [])


def test_no_page_has_an_error_or_breaks_the_content_security_policy(tour: Tour) -> None:
    assert tour.said == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_stands_out_from_what_is_behind_it(tour: Tour, scheme: str) -> None:
    assert tour.faint[scheme] == []


def test_no_page_is_wider_than_a_phone(tour: Tour) -> None:
    assert tour.widths == dict.fromkeys((*PAGES, REPORT), PHONE["width"])


def test_every_control_and_table_has_a_name(tour: Tour) -> None:
    assert tour.nameless == []


def test_every_table_has_a_caption(tour: Tour) -> None:
    assert tour.found[WITHOUT_CAPTION] == []


def test_every_header_cell_says_what_it_heads(tour: Tour) -> None:
    assert tour.found[HEADS_NOTHING] == []
