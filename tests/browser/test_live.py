"""The page follows the database by itself, and gets in nobody's way while it does."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from fairmind_sync.operating import actions
from tests.browser.site import Site
from tests.support.databases import store_of
from tests.support.deliveries import dead, save


@pytest.fixture
def unreloaded(site: Site, page: Page) -> Page:
    """The index, marked: a reload would take the mark away."""
    site.visit(page)
    page.evaluate("window.isMarked = true")
    return page


def is_unreloaded(page: Page) -> bool:
    return bool(page.evaluate("window.isMarked === true"))


def test_a_saved_result_appears_as_pending_without_a_reload(site: Site, unreloaded: Page) -> None:
    site.save("test_123")
    row = unreloaded.get_by_role("row", name="test_123")
    expect(row.locator(".status")).to_have_text("pending")
    assert is_unreloaded(unreloaded)


def test_a_pending_delivery_becomes_delivered_without_a_reload(live_site: Site, page: Page) -> None:
    live_site.save("test_123")
    live_site.visit(page)
    page.evaluate("window.isMarked = true")
    row = page.get_by_role("row", name="test_123")
    expect(row.locator(".status")).to_have_text("pending")
    actions.resume(store_of(live_site.settings), "mlflow")
    expect(row.locator(".status")).to_have_text("delivered")
    assert is_unreloaded(page)


def test_the_run_link_opens_mlflows_own_page(live_site: Site, page: Page, mlflow_uri: str) -> None:
    actions.resume(store_of(live_site.settings), "mlflow")
    live_site.save("test_123")
    live_site.visit(page)
    page.get_by_role("row", name="test_123").locator("a[href*='/runs/']").click()
    page.wait_for_url(f"{mlflow_uri}/**", wait_until="commit")
    expect(page.get_by_role("heading", name="test_123")).to_be_visible()


def test_a_filter_survives_the_refresh(site: Site, page: Page) -> None:
    dead(site.engine)
    site.visit(page, "/deliveries?status=pending")
    site.await_refresh(page)
    assert page.locator("#deliveries .status").all_inner_texts() == ["pending"]


def test_a_refresh_leaves_the_search_box_alone(site: Site, page: Page) -> None:
    site.visit(page)
    page.get_by_label("Test or model").press_sequentially("half a wo")
    site.await_refresh(page)
    page.keyboard.type("rd")
    expect(page.get_by_label("Test or model")).to_have_value("half a word")


def test_a_button_keeps_the_focus_through_a_refresh(site: Site, page: Page) -> None:
    delivery = dead(site.engine)
    site.visit(page)
    page.locator(f"#retry-{delivery.id}").focus()
    site.await_refresh(page)
    expect(page.locator(f"#retry-{delivery.id}")).to_be_focused()


@pytest.mark.parametrize("name", ["Test", "Discard"])
def test_what_is_no_button_keeps_the_focus_through_a_refresh(
    site: Site, page: Page, name: str
) -> None:
    site.save("test_123")
    site.visit(page)
    row = page.get_by_role("row", name="test_123")
    focused = row.get_by_role("link").first if name == "Test" else row.locator("summary")
    focused.focus()
    site.await_refresh(page)
    expect(focused).to_be_focused()


def test_a_table_stays_scrolled_through_a_refresh(site: Site, page: Page) -> None:
    save(site.engine, "mlflow", model_id="m" * 100)
    page.set_viewport_size({"width": 800, "height": 740})
    site.visit(page)
    region = page.get_by_role("region", name="Deliveries")
    region.evaluate("(it) => { it.scrollLeft = 100; }")
    site.await_refresh(page)
    assert region.evaluate("(it) => it.scrollLeft") == 100


def test_a_reason_that_is_being_typed_survives_a_refresh(site: Site, page: Page) -> None:
    site.save("test_123")
    site.visit(page)
    page.locator("#deliveries summary").click()
    page.get_by_label("Reason").press_sequentially("it is super")
    site.save("test_124")
    expect(page.locator("#matches")).to_contain_text("2 in all")
    page.keyboard.type("seded")
    expect(page.get_by_label("Reason")).to_have_value("it is superseded")


def test_the_page_says_that_it_may_be_out_of_date_when_the_daemon_is_gone(
    site: Site, page: Page
) -> None:
    site.visit(page)
    site.stop()
    expect(page.get_by_role("status").filter(has_text="out of date")).to_be_visible()


def test_the_page_says_that_it_may_be_out_of_date_when_the_daemon_answers_with_an_error(
    site: Site, page: Page
) -> None:
    site.visit(page)

    def fail(route: Route) -> None:
        route.fulfill(status=503, content_type="application/problem+json", body="{}")

    page.route("**/*", fail)
    expect(page.get_by_role("status").filter(has_text="out of date")).to_be_visible()


def test_the_page_is_up_to_date_again_once_the_daemon_answers(site: Site, page: Page) -> None:
    site.visit(page)
    page.route("**/*", lambda route: route.abort())
    expect(page.get_by_role("status").filter(has_text="out of date")).to_be_visible()
    page.unroute_all()
    expect(page.get_by_role("status").filter(has_text="out of date")).not_to_be_visible()
