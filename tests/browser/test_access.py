"""The pages by keyboard, and as assistive technology reads them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import PAGES, RESULT, Site, furnish
from tests.support.diagonals import one_of

CONTROLS = """
const controls = () => [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"
)].filter((it) => it.checkVisibility() && it.tabIndex >= 0);
"""
"""A chart's points are left out: tables lead to the same results."""
HOW_MANY = f"() => {{ {CONTROLS} return controls().length; }}"
FOCUSED = f"""() => {{ {CONTROLS}
  const it = document.activeElement;
  const isPart = it.matches(":not(:focus):focus-within");
  return [controls().indexOf(it), isPart || getComputedStyle(it).outlineStyle !== "none"];
}}"""
"""The number of the control, and whether it is outlined; the browser outlines a day's button itself."""
IDS = "() => [...document.querySelectorAll('[id]')].map((it) => it.id).sort()"


@pytest.fixture(autouse=True)
def _furnished(site: Site) -> None:
    furnish(site.engine)


def test_the_first_tab_reaches_the_link_that_skips_to_the_content(site: Site, page: Page) -> None:
    site.visit(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_the_skip_link_is_visible_while_it_has_the_focus(site: Site, page: Page) -> None:
    site.visit(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()


@pytest.mark.parametrize("path", one_of(PAGES))
def test_tab_reaches_every_control_in_order_and_outlines_it(
    site: Site, page: Page, path: str
) -> None:
    site.visit(page, path)
    page.get_by_role("link", name="Skip to the content").focus()
    reached = [page.evaluate(FOCUSED)]
    while reached[-1][0] >= 0 and len(reached) < page.evaluate(HOW_MANY):
        page.keyboard.press("Tab")
        if (now := page.evaluate(FOCUSED)) != reached[-1]:  # a day's field has a stop for each part
            reached.append(now)
    assert reached == [[number, True] for number in range(page.evaluate(HOW_MANY))]


def test_a_delivery_can_be_retried_by_keyboard(site: Site, page: Page) -> None:
    site.visit(page, "/deliveries?status=dead")
    page.locator("#deliveries").get_by_role("button", name="Retry").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#deliveries")).to_contain_text("No delivery matches.")


def test_every_row_of_the_list_has_a_header(site: Site, page: Page) -> None:
    site.visit(page)
    assert page.locator("tbody tr:not(:has(th[scope=row]))").count() == 0


def test_no_id_is_there_twice(site: Site, page: Page) -> None:
    site.visit(page, RESULT)
    ids = page.evaluate(IDS)
    assert sorted(set(ids)) == ids
