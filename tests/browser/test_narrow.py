"""A result's page and its report on a phone: nothing is cut, nothing is too small, no word is broken."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, ViewportSize

from tests.browser.conftest import OpenPage
from tests.browser.looks import LINES
from tests.browser.site import Site
from tests.support.deliveries import save

PHONE: ViewportSize = {"width": 390, "height": 844}
LEAST_TEXT = 12
RATES = {
    "under-25": {"selection_rate": 0.79, "count": 99},
    "25-to-44": {"selection_rate": 0.81, "count": 431},
    "65-and-older": {"selection_rate": 0.42, "count": 51},
}
RESULTS = {
    "metrics": {"demographic_parity_difference": {"value": 0.26, "threshold": 0.1}},
    "by_group": {"age": RATES},
}
PLACES = "(all) => all.map((it) => it.getBoundingClientRect()).map((it) => [it.left, it.right])"
SIZES = """(all) => all.map((it) => it.getBoundingClientRect().height)"""


@pytest.fixture(params=["/result?test_id=t", "/report?test_id=t"], ids=["result", "report"])
def shown(site: Site, open_page: OpenPage, request: pytest.FixtureRequest) -> Page:
    save(site.engine, "mlflow", test_id="t", results=RESULTS)
    page = open_page(viewport=PHONE)
    site.visit(page, request.param)
    return page


def test_each_bar_has_its_value_and_its_length(shown: Page) -> None:
    places = shown.locator(".chart .bar, .chart .value").evaluate_all(PLACES)
    assert all(0 <= left < right <= PHONE["width"] for left, right in places)
    (first, second, third) = [
        right - left for left, right in shown.locator(".chart .bar").evaluate_all(PLACES)
    ]
    assert (first / second, third / second) == pytest.approx((0.79 / 0.81, 0.42 / 0.81), rel=0.01)


def test_a_charts_texts_are_large_enough_to_read(shown: Page) -> None:
    assert min(shown.locator(".chart text").evaluate_all(SIZES)) >= LEAST_TEXT


def test_each_cell_of_a_table_is_in_view(shown: Page) -> None:
    places = shown.locator(".wide td").evaluate_all(PLACES)
    assert max(right for _, right in places) <= PHONE["width"]


def test_no_number_and_no_word_is_broken(shown: Page) -> None:
    cells = shown.locator(".wide td, .pairs td")
    lines = [line for cell in cells.all() for line in cell.evaluate(LINES)]
    assert {"0.1", "selection rate"} <= {*lines}
    assert [line for line in lines if line.endswith(".") or line == "%"] == []
