"""Light and dark, wide and narrow: what can be seen of a page, and of a chart."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import ViewportSize

from tests.browser.conftest import OpenPage
from tests.browser.looks import BEHIND, LINES, LUMINANCE
from tests.browser.site import COMPARED, JUDGED, MODEL, Site, furnish
from tests.support.deliveries import save

PHONE: ViewportSize = {"width": 390, "height": 844}
ENOUGH_FOR_GRAPHICS, ENOUGH_FOR_TEXT = 3, 4.5  # WCAG 1.4.11, 1.4.3

BACKGROUND_AND_INK = f"""() => {{ {LUMINANCE}
  const style = getComputedStyle(document.body);
  return [luminance(style.backgroundColor), luminance(style.color)];
}}"""
BEHIND_AND_INK = f"""(selector) => {{ {LUMINANCE} {BEHIND}
  const it = document.querySelector(selector);
  return [luminance(behind(it)), luminance(getComputedStyle(it).color)];
}}"""
CHART_PARTS = f"""() => {{ {LUMINANCE}
  const of = (selector, property) => [...document.querySelectorAll(selector)]
    .map((it) => luminance(getComputedStyle(it)[property]));
  return [...of(".trend text", "fill"), ...of(".part, .limit", "stroke"), ...of(".dot", "fill")];
}}"""
STROKES = """(selector) => [...document.querySelectorAll(selector)]
  .map((it) => getComputedStyle(it)).map((it) => [it.stroke, it.strokeDasharray])"""


def test_a_dark_scheme_has_light_text_on_a_dark_page(site: Site, open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark")
    site.visit(page)
    background, ink = page.evaluate(BACKGROUND_AND_INK)
    assert (background < 0.05, ink > 0.6) == (True, True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_stands_out_from_its_page(
    site: Site, open_page: OpenPage, scheme: Literal["light", "dark"]
) -> None:
    save(site.engine, "mlflow", results=JUDGED)
    page = open_page(color_scheme=scheme)
    site.visit(page, MODEL)
    paper, _ = page.evaluate(BACKGROUND_AND_INK)
    contrasts = [
        (max(paper, part) + 0.05) / (min(paper, part) + 0.05) for part in page.evaluate(CHART_PARTS)
    ]
    assert min(contrasts) >= ENOUGH_FOR_GRAPHICS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_threshold_is_dashed_in_the_colour_of_its_metric(
    site: Site, open_page: OpenPage, scheme: Literal["light", "dark"]
) -> None:
    both = {"parity": {"value": 0.2, "threshold": 0.1}, "odds": {"value": 0.3, "threshold": 0.4}}
    save(site.engine, "mlflow", results=both)
    page = open_page(color_scheme=scheme)
    site.visit(page, MODEL)
    lines = page.evaluate(STROKES, ".legend .part")
    for place in (".trend .limit", ".legend .limit"):
        limits = page.evaluate(STROKES, place)
        assert [colour for colour, _ in limits] == [colour for colour, _ in lines]
        assert {dashes for _, dashes in limits} == {"6px, 4px"}
    assert len({colour for colour, _ in lines}) == len(lines) == len(both)


def test_a_chart_fits_a_phone_to_its_newest_point(site: Site, open_page: OpenPage) -> None:
    furnish(site.engine)
    page = open_page(viewport=PHONE)
    for path in (MODEL, f"{COMPARED}&metric=accuracy"):
        site.visit(page, path)
        ends = page.locator(".trend .dot").evaluate_all(
            "(all) => all.map((it) => it.getBoundingClientRect().right)"
        )
        assert 0.8 * PHONE["width"] < max(ends) <= PHONE["width"]
        assert page.locator("figure").evaluate("(it) => it.scrollWidth <= it.clientWidth")


def test_names_break_after_a_slash_or_an_underscore_alone(site: Site, open_page: OpenPage) -> None:
    furnish(site.engine)
    save(
        site.engine,
        "mlflow",
        model_id="model-3",
        results={"_parity/of".join(["demographic"] * 4): 0.1},
    )
    page = open_page(viewport=PHONE)
    site.visit(page, f"{COMPARED}&model_id=model-3")
    name = page.locator("tbody th", has_text="demographic")
    lines = name.evaluate(LINES)
    assert len(lines) > 1
    assert {line[-1] for line in lines[:-1]} <= {"_", "/"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_rest_api_is_shown_in_the_pages_scheme(
    site: Site, open_page: OpenPage, scheme: Literal["light", "dark"]
) -> None:
    page = open_page(color_scheme=scheme)
    site.visit(page, "/docs")
    page.locator("#swagger-ui .opblock-tag").first.wait_for()
    background, ink = page.evaluate(BEHIND_AND_INK, "#swagger-ui .opblock-tag")
    assert (background < ink) is (scheme == "dark")
    assert (max(background, ink) + 0.05) / (min(background, ink) + 0.05) >= ENOUGH_FOR_TEXT
