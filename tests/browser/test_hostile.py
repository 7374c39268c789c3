"""What others put into results and errors is text on our page."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Dialog, Page, expect

from fairmind_sync.results.delivery import Run
from tests.browser.site import PAGES, Site
from tests.support.deliveries import dead, delivered, save
from tests.support.diagonals import one_of

NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "</title></option><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "a/../b?c=1&d#e=%41+f",
    "тест 测试 🤖 é",
]
TEXTS = [*NAMES, "right to left \u202eexe.txt"]


def test_hostile_names_are_text_on_every_page(site: Site, page: Page) -> None:
    for text in NAMES:
        save(site.engine, "mlflow", test_id=text, model_id=text)
    site.visit(page)
    headings = []
    for link in [linked(page, kind, text) for text in NAMES for kind in ("result", "model")]:
        site.visit(page, link)
        headings.append(page.locator("h1").inner_text())
    assert headings == [f"{kind} {text}" for text in NAMES for kind in ("Test", "Model")]


def linked(page: Page, kind: str, text: str) -> str:
    """Where the list's link with this text leads."""
    link = page.locator(f"a[href^='/{kind}']").get_by_text(text, exact=True).first
    return link.evaluate("(it) => it.closest('a').getAttribute('href')") or ""


def test_hostile_errors_are_text(site: Site, page: Page) -> None:
    for text in TEXTS:
        dead(site.engine, text)
    site.visit(page)
    shown = page.locator("#deliveries td.error").all_inner_texts()
    assert shown == TEXTS[::-1]


def test_hostile_metrics_are_text(site: Site, page: Page) -> None:
    save(site.engine, "mlflow", results=dict.fromkeys(NAMES[:4], 1.0))
    site.visit(page, "/model?model_id=model-1")
    shown = page.locator("thead .number").all_inner_texts()
    assert shown == sorted(NAMES[:4])


def test_nothing_hostile_opens_a_dialog(site: Site, page: Page) -> None:
    opened: list[str] = []

    def note(dialog: Dialog) -> None:
        opened.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    for text in TEXTS:
        dead(site.engine, text)
    for text in NAMES:
        save(site.engine, "mlflow", test_id=text, results={text: 1.0}, metadata={text: text})
    for path in (*PAGES[:2], "/model?model_id=model-1"):
        site.visit(page, path)
    for text in NAMES:
        site.visit(page, f"/report?test_id={quote(text, safe='')}")
    site.visit(page)
    for link in [it.get_attribute("href") for it in page.locator("tbody th a").all()]:
        site.visit(page, link or "")
    assert opened == []


@pytest.mark.parametrize(
    "url", one_of(["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"])
)
def test_a_run_url_that_no_browser_should_open_is_no_link(site: Site, page: Page, url: str) -> None:
    delivered(site.engine, Run("run-1", url))
    site.visit(page)
    cell = page.get_by_role("cell", name="run-1")
    expect(cell).to_be_visible()
    assert cell.get_by_role("link").count() == 0
