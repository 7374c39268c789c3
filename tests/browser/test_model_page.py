"""One model's page: its chooser of metrics on a phone, and its table, which is folded where it is long."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import OpenPage
from tests.browser.looks import LINES
from tests.browser.site import MODEL, Site
from tests.support.deliveries import save

PHONE: ViewportSize = {"width": 390, "height": 844}
RESULTS = {
    "accuracy": 0.8,
    "metrics": {"demographic_parity_difference": {"value": 0.26, "threshold": 0.1}},
    "by_group": {
        "gender": {
            "female": {"selection_rate": 0.4, "count": 412},
            "male": {"selection_rate": 0.6, "count": 431},
        }
    },
}
BOXES = "(all) => all.map((it) => it.getBoundingClientRect()).map((it) => [it.left, it.width])"


@pytest.fixture
def chooser(site: Site, open_page: OpenPage) -> Page:
    save(site.engine, "mlflow", results=RESULTS)
    page = open_page(viewport=PHONE)
    site.visit(page, MODEL)
    page.get_by_text("Metrics (").click()
    return page


def test_each_metrics_box_stands_at_the_left_and_is_of_one_size(chooser: Page) -> None:
    boxes = chooser.locator(".choices input").evaluate_all(BOXES)
    assert len(boxes) == 6
    assert len({(round(left), round(width)) for left, width in boxes}) == 1
    assert boxes[0][0] < 40


def test_each_metrics_name_stands_beside_its_box_in_two_lines_at_most(chooser: Page) -> None:
    names = chooser.locator(".choices label span").all()
    assert max(len(name.evaluate(LINES)) for name in names) <= 2


def test_six_metrics_are_seen_without_scrolling(chooser: Page) -> None:
    fits = "(it) => it.scrollHeight <= it.clientHeight"
    assert chooser.locator(".choices").evaluate(fits)


def saved(site: Site, count: int) -> None:
    for number in range(count):
        save(site.engine, "mlflow", test_id=f"t{number}", results=RESULTS)


@pytest.mark.parametrize(("count", "is_folded"), [(10, False), (11, True)])
def test_a_long_table_of_results_is_folded(
    site: Site, page: Page, count: int, *, is_folded: bool
) -> None:
    saved(site, count)
    site.visit(page, MODEL)
    table = page.get_by_role("table")
    assert table.is_hidden() is is_folded
    page.get_by_text(f"Results, newest first ({count})").click()
    expect(table).to_be_visible(visible=is_folded)
