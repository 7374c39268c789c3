"""Each page by axe-core's rules, in both modes; Swagger UI is its makers' to mend."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenPage
from tests.browser.site import PAGES, REPORT, Site, furnish

NOT_OURS = {"exclude": [["#swagger-ui"]]}
BESIDE_SWAGGER_UI = {"rules": {"landmark-no-duplicate-main": {"enabled": False}}}
"""Swagger UI has a main part of its own within the page's."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(site: Site, open_page: OpenPage, scheme: str) -> None:
    furnish(site.engine)
    page = open_page(color_scheme=scheme, bypass_csp=True)
    found: list[str] = []
    for path in (*PAGES, "/docs", REPORT):
        site.visit(page, path)
        if path == "/docs":
            page.locator("#swagger-ui .info").wait_for()
        for summary in page.locator("summary").all():
            summary.click()
        options = BESIDE_SWAGGER_UI if path == "/docs" else None
        for one in Axe().run(page, NOT_OURS, options).response["violations"]:
            found += [f"{path}: {one['id']}: {node['html'][:200]}" for node in one["nodes"]]
    assert found == []
