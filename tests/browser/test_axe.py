"""Each page by axe-core's rules, in both modes; Swagger UI is its makers' to mend."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenPage
from tests.browser.site import PAGES, REPORT, Site, furnish

NOT_OURS = {"exclude": [["#swagger-ui"]]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(site: Site, open_page: OpenPage, scheme: str) -> None:
    furnish(site.engine)
    page = open_page(color_scheme=scheme, bypass_csp=True)
    found: list[str] = []
    for path in (*PAGES, "/docs", REPORT):
        site.visit(page, path)
        for summary in page.locator("summary").all():
            summary.click()
        for one in Axe().run(page, context=NOT_OURS).response["violations"]:
            found += [f"{path}: {one['id']}: {node['html'][:200]}" for node in one["nodes"]]
    assert found == []
