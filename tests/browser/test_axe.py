"""Each page by axe-core's rules, in both modes; Swagger UI is its makers' to mend."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.site import PAGES, REPORT, Site, furnish

NOT_OURS = {"exclude": [["#swagger-ui"]]}
LIGHT = {"resultTypes": ["violations"]}
DARK = {**LIGHT, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""The rules about colours: nothing else differs from light pages."""
BESIDE_SWAGGER_UI = {"rules": {"landmark-no-duplicate-main": {"enabled": False}}}
"""Swagger UI has a main part of its own within the page's."""


def test_axe_finds_nothing_on_any_page(site: Site, open_page: OpenPage) -> None:
    furnish(site.engine)
    page = open_page(bypass_csp=True)
    found: list[str] = []
    for path in (*PAGES, "/docs", REPORT):
        site.visit(page, path)
        if path == "/docs":
            page.locator("#swagger-ui .info").wait_for()
        for summary in page.locator("summary").all():
            summary.click()
        found += violations(page, LIGHT | (BESIDE_SWAGGER_UI if path == "/docs" else {}))
        page.emulate_media(color_scheme="dark")
        found += violations(page, DARK)
        page.emulate_media(color_scheme="light")
    assert found == []


def violations(page: Page, options: dict[str, Any]) -> list[str]:
    return [
        f"{page.url}: {one['id']}: {node['html'][:200]}"
        for one in Axe().run(page, NOT_OURS, options).response["violations"]
        for node in one["nodes"]
    ]
