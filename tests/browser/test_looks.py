"""Light and dark."""

from __future__ import annotations

from tests.browser.conftest import OpenPage
from tests.browser.looks import LUMINANCE
from tests.browser.site import Site, furnish

BACKGROUND_AND_INK = f"""() => {{ {LUMINANCE}
  const style = getComputedStyle(document.body);
  return [luminance(style.backgroundColor), luminance(style.color)];
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
