"""Wide tables on a phone: a header is no higher than what it heads deserves, and names have room."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, ViewportSize

from tests.browser.conftest import OpenPage
from tests.browser.looks import LINES
from tests.browser.site import Site
from tests.support.deliveries import save

PHONE: ViewportSize = {"width": 390, "height": 844}
NAME = "metrics/demographic_parity_difference/value"
RESULTS = {
    "metrics": {"demographic_parity_difference": {"value": 0.26, "threshold": 0.1}},
    "accuracy": 0.8,
}
WIDTH = "(it) => it.getBoundingClientRect().width"


@pytest.fixture
def phone(site: Site, open_page: OpenPage) -> Page:
    for number in (1, 2, 3):
        save(site.engine, "mlflow", test_id=f"t-{number}", model_id=f"m-{number}", results=RESULTS)
    return open_page(viewport=PHONE)


@pytest.mark.parametrize(("path", "label"), [("/operators", "Reason"), ("/deliveries", "Run")])
def test_what_is_not_there_takes_no_line(site: Site, phone: Page, path: str, label: str) -> None:
    site.visit(phone, path)
    cells = phone.locator(f'[data-label="{label}"]')
    assert cells.count() > 0
    assert [cell.inner_text() for cell in cells.all() if cell.is_visible()] == []


def test_a_header_of_metrics_has_at_most_two_lines(site: Site, phone: Page) -> None:
    site.visit(phone, "/model?model_id=m-1")
    heads = {head.inner_text(): head.evaluate(LINES) for head in phone.locator("thead th").all()}
    assert NAME in heads
    assert {name: lines for name, lines in heads.items() if len(lines) > 2} == {}


def test_a_short_name_heads_a_narrow_column(site: Site, phone: Page) -> None:
    site.visit(phone, "/model?model_id=m-1")
    assert phone.locator("thead th", has_text="accuracy").evaluate(WIDTH) < 120


def test_a_compared_number_has_its_name_above_it(site: Site, phone: Page) -> None:
    site.visit(phone, "/compare?model_id=m-1&model_id=m-2&model_id=m-3")
    name = phone.locator("tbody th", has_text=NAME)
    assert name.evaluate(LINES) == [NAME]


def test_three_models_side_by_side_fit_a_phone(site: Site, phone: Page) -> None:
    site.visit(phone, "/compare?model_id=m-1&model_id=m-2&model_id=m-3")
    fits = "(it) => it.scrollWidth <= it.clientWidth"
    assert phone.locator(".scroll").evaluate(fits)
