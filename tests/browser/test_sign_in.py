"""The page of a daemon that has a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr
from sqlalchemy import Engine

from tests.browser.site import LIST, MODEL, Site, furnish, open_site

RIGHT = "sixteen-characters-or-more"
WRONG = "something else"


@pytest.fixture
def site(engine: Engine) -> Iterator[Site]:
    with open_site(engine, api_token=SecretStr(RIGHT)) as site:
        furnish(engine)
        yield site


def sign_in(page: Page, token: str = RIGHT) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_whoever_has_not_signed_in_is_asked_to(site: Site, page: Page) -> None:
    site.visit(page, MODEL)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_field_for_the_token_has_the_focus(site: Site, page: Page) -> None:
    site.visit(page)
    expect(page.get_by_label("Token")).to_be_focused()


def test_a_wrong_token_is_refused_with_a_message(site: Site, page: Page) -> None:
    site.visit(page)
    sign_in(page, WRONG)
    expect(page.get_by_role("alert")).to_have_text("That is not the token.")


def test_the_right_token_leads_to_where_one_wanted_to_go(site: Site, page: Page) -> None:
    site.visit(page, MODEL)
    sign_in(page)
    page.wait_for_url(site.url + MODEL)
    expect(page.get_by_role("heading", name="Model model-1")).to_be_visible()


def test_a_wrong_token_first_does_not_lose_where_one_wanted_to_go(site: Site, page: Page) -> None:
    site.visit(page, MODEL)
    sign_in(page, WRONG)
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page)
    page.wait_for_url(site.url + MODEL)


def test_one_can_sign_in_on_the_way_to_a_test_with_the_longest_name(site: Site, page: Page) -> None:
    site.visit(page, f"/result?test_id={'ä' * 500}")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_in_never_leads_to_another_site(site: Site, page: Page) -> None:
    site.visit(page, "/sign-in?back=//127.0.0.2/")
    sign_in(page)
    page.wait_for_url(f"{site.url}/")


def test_no_script_and_no_other_site_can_use_the_cookie(site: Site, page: Page) -> None:
    site.visit(page)
    sign_in(page)
    page.wait_for_url(f"{site.url}{LIST}")
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_the_cookie_does_not_hold_the_token(site: Site, page: Page) -> None:
    site.visit(page)
    sign_in(page)
    page.wait_for_url(f"{site.url}{LIST}")
    (cookie,) = page.context.cookies()
    assert RIGHT not in cookie["value"]


def test_signing_out_ends_it(site: Site, page: Page) -> None:
    site.visit(page)
    sign_in(page)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    site.visit(page)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_whoever_has_not_signed_in_cannot_sign_out(site: Site, page: Page) -> None:
    site.visit(page)
    assert page.get_by_role("button", name="Sign out").count() == 0


def test_a_page_that_was_signed_out_elsewhere_asks_to_sign_in(site: Site, page: Page) -> None:
    site.visit(page)
    sign_in(page)
    page.wait_for_url(f"{site.url}{LIST}")
    page.context.clear_cookies()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
