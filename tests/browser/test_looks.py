"""Light and dark, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.site import PAGES, REPORT, Site, furnish

SCHEMES = ["light", "dark"]
ENOUGH_CONTRAST = 4.5  # WCAG AA
LUMINANCE = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
"""
BACKGROUND_AND_INK = f"""() => {{ {LUMINANCE}
  const style = getComputedStyle(document.body);
  return [luminance(style.backgroundColor), luminance(style.color)];
}}"""
FAINT_TEXTS = f"""(enough) => {{ {LUMINANCE}
  const behind = (it) => {{
    const colour = getComputedStyle(it).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? behind(it.parentElement) : colour;
  }};
  const hasText = (it) => [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const contrast = (it) => {{
    const both = [getComputedStyle(it).color, behind(it)].map(luminance).sort((a, b) => b - a);
    return (both[0] + 0.05) / (both[1] + 0.05);
  }};
  return [...document.body.querySelectorAll("*")]
    .filter((it) => it.checkVisibility() && hasText(it) && contrast(it) < enough)
    .map((it) => it.outerHTML);
}}"""
CHART_TEXTS = f"""() => {{ {LUMINANCE}
  const texts = [...document.querySelectorAll(".axis text, .legends text")];
  return texts.map((it) => luminance(getComputedStyle(it).fill));
}}"""


def test_a_dark_scheme_has_light_text_on_a_dark_page(site: Site, open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark")
    site.visit(page)
    background, ink = page.evaluate(BACKGROUND_AND_INK)
    assert (background < 0.05, ink > 0.6) == (True, True)


def test_a_dark_scheme_has_light_text_in_the_chart(site: Site, open_page: OpenPage) -> None:
    furnish(site.engine)
    page = open_page(color_scheme="dark")
    site.visit(page, "/model/trend.svg?model_id=model-1")
    assert min(page.evaluate(CHART_TEXTS)) > 0.4


def test_a_light_scheme_has_dark_text_in_the_chart(site: Site, open_page: OpenPage) -> None:
    furnish(site.engine)
    page = open_page(color_scheme="light")
    site.visit(page, "/model/trend.svg?model_id=model-1")
    assert max(page.evaluate(CHART_TEXTS)) < 0.1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_stands_out_from_what_is_behind_it(
    site: Site, open_page: OpenPage, scheme: str
) -> None:
    furnish(site.engine)
    page = open_page(color_scheme=scheme)
    faint: list[str] = []
    for path in (*PAGES, REPORT):
        site.visit(page, path)
        faint += page.evaluate(FAINT_TEXTS, ENOUGH_CONTRAST)
    assert faint == []


def test_no_page_is_wider_than_a_phone(site: Site, open_page: OpenPage) -> None:
    furnish(site.engine)
    page = open_page(viewport={"width": 375, "height": 740})
    paths = (*PAGES, REPORT)
    assert {path: width_on(page, site, path) for path in paths} == dict.fromkeys(paths, 375)


def width_on(page: Page, site: Site, path: str) -> int:
    site.visit(page, path)
    return int(page.evaluate("document.scrollingElement.scrollWidth"))
