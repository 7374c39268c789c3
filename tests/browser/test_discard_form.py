"""The form in a row of the list in which a delivery is given up."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.site import LIST, Site, furnish

LEFT_EDGES = "() => [...document.querySelectorAll('thead th')].map((it) => it.offsetLeft)"
IS_CUT_OFF = """() => {
  const room = document.querySelector("#deliveries");
  return room.scrollWidth > room.clientWidth;
}"""


def opened(site: Site, page: Page) -> list[int]:
    edges: list[int] = page.evaluate(LEFT_EDGES)
    page.locator("#deliveries summary").first.click()
    page.locator("#deliveries details[open] input[name=reason]").wait_for()
    return edges


def test_the_form_moves_no_column_and_is_whole(site: Site, open_page: OpenPage) -> None:
    furnish(site.engine)
    page = open_page(viewport={"width": 1440, "height": 900})
    site.visit(page, LIST)
    before = opened(site, page)
    assert (page.evaluate(LEFT_EDGES), page.evaluate(IS_CUT_OFF)) == (before, False)


def test_a_count_that_leads_on_looks_like_a_link(site: Site, page: Page) -> None:
    site.visit(page, "/")
    line = "(it) => getComputedStyle(it).textDecorationLine"
    assert page.locator("#count-mlflow-pending").evaluate(line) == "underline"
