"""What acts on many deliveries at once, by script and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from fairmind_sync.outbox.delivery_lookup import RunFilter, find
from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.support.deliveries import dead


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def any_page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    return open_page(java_script_enabled=request.param)


def statuses(site: Site) -> list[str]:
    return [one.status for one in find(site.engine, RunFilter(is_oldest_first=True))]


def test_all_dead_of_a_cause_are_retried_in_two_clicks(site: Site, any_page: Page) -> None:
    for error in ("over the quota", "over the quota", "a name is too long"):
        dead(site.engine, error)
    site.visit(any_page, "/")
    row = any_page.get_by_role("row", name="over the quota")
    row.get_by_role("link", name="Retry all").click()
    any_page.get_by_role("button", name="Retry 2 deliveries").click()
    expect(any_page.locator("h1")).to_contain_text("1 dead")
    assert statuses(site) == ["pending", "pending", "dead"]


def test_chosen_deliveries_are_discarded_with_a_reason(site: Site, any_page: Page) -> None:
    for _ in range(3):
        dead(site.engine)
    site.visit(any_page, "/deliveries?status=dead")
    for number in (1, 3):
        any_page.locator(f"#choose-{number}").check()
    any_page.get_by_role("button", name="Discard chosen").click()
    any_page.get_by_label("Reason").fill("superseded")
    any_page.get_by_role("button", name="Discard 2 deliveries").click()
    expect(any_page.get_by_role("status").first).to_have_text("2 deliveries were discarded.")
    assert statuses(site) == ["discarded", "dead", "discarded"]


def test_a_choice_survives_a_refresh(site: Site, page: Page) -> None:
    dead(site.engine)
    site.visit(page)
    page.locator("#choose-1").check()
    site.save("test_123")
    expect(page.locator("#matches")).to_contain_text("2 in all")
    expect(page.locator("#choose-1")).to_be_checked()
