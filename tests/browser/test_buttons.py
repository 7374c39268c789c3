"""What the page's buttons do, by script and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from fairmind_sync.operating import actions
from fairmind_sync.outbox import delivery_lookup, outcomes
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.support.clock import NOW
from tests.support.databases import store_of
from tests.support.deliveries import claim, dead, save


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def any_page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    return open_page(java_script_enabled=request.param)


def recorded(site: Site, delivery_id: int) -> DeliveryRecord:
    with reading(site.engine) as connection:
        return delivery_lookup.deliveries(connection, RunFilter(delivery_id=delivery_id))[0]


def state_of_mlflow(page: Page) -> str:
    return page.get_by_role("region", name="mlflow").locator(".status").inner_text()


def test_retry_returns_a_dead_delivery_to_pending(site: Site, any_page: Page) -> None:
    delivery = dead(site.engine)
    site.visit(any_page)
    any_page.get_by_role("button", name=f"Retry {delivery.result.test_id} at mlflow").click()
    expect(any_page.locator("#deliveries .status")).to_have_text("pending")


def test_pause_pauses_a_provider(site: Site, any_page: Page) -> None:
    actions.resume(store_of(site.settings), "mlflow")
    site.visit(any_page, "/")
    any_page.get_by_role("button", name="Pause mlflow").click()
    expect(any_page.get_by_role("button", name="Resume mlflow")).to_be_visible()
    assert state_of_mlflow(any_page) == "paused"


def test_resume_ends_a_pause(site: Site, any_page: Page) -> None:
    site.visit(any_page, "/")
    any_page.get_by_role("button", name="Resume mlflow").click()
    expect(any_page.get_by_role("button", name="Pause mlflow")).to_be_visible()
    assert state_of_mlflow(any_page) == "not used yet"


def test_discard_gives_a_delivery_up_for_the_reason_that_is_typed(
    site: Site, any_page: Page
) -> None:
    delivery = dead(site.engine)
    site.visit(any_page)
    any_page.locator("#deliveries summary").click()
    any_page.get_by_label("Reason").fill("superseded")
    any_page.get_by_role("button", name="Discard", exact=True).click()
    expect(any_page.locator("#deliveries .status")).to_have_text("discarded")
    assert recorded(site, delivery.id).last_error == "superseded"


def test_discard_asks_for_a_reason_first(site: Site, page: Page) -> None:
    delivery = dead(site.engine)
    site.visit(page)
    page.locator("#deliveries summary").click()
    page.get_by_role("button", name="Discard", exact=True).click()
    expect(page.locator("input:invalid")).to_be_focused()
    assert recorded(site, delivery.id).status == "dead"


def test_a_button_leads_back_to_the_filter_that_was_set(site: Site, page: Page) -> None:
    delivery = dead(site.engine)
    site.visit(page, "/deliveries?q=test&status=dead")
    page.locator(f"#retry-{delivery.id}").click()
    expect(page.locator("#deliveries")).to_contain_text("No delivery matches.")
    assert page.url == f"{site.url}/deliveries?q=test&status=dead"


def test_retry_works_on_the_page_of_a_test_with_the_longest_name(site: Site, page: Page) -> None:
    longest = "ä" * 500
    save(site.engine, "mlflow", test_id=longest)
    (delivery,) = claim(site.engine)
    with writing(site.engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "a name is too long", NOW)
    site.visit(page, f"/result?test_id={longest}")
    page.locator(f"#retry-{delivery.id}").click()
    expect(page.locator("h3 .status")).to_have_text("pending")
