"""The documents' site: built strictly, found by its search, and fetched from nowhere else."""

from __future__ import annotations

import re
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.docs_site import SETTINGS, SiteError, build
from tests.support.documents import CHECKOUT, DOCS

_FROM_ELSEWHERE = re.compile(
    r"""<(?:script|img|source|iframe)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>
    |<link\b[^>]*\bhref=["']?(?:https?:)?//[^>]*>
    |@import\s+(?:url\()?["']?(?:https?:)?//\S*
    |\burl\(["']?(?:https?:)?//[^)]*\)""",
    re.VERBOSE | re.IGNORECASE,
)


_PASTE = """(input, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    const given = { clipboardData, bubbles: true, composed: true, cancelable: true };
    input.dispatchEvent(new ClipboardEvent("paste", given));
}"""


_COPIED = (
    "holds other results than the source. Copy into an empty database, or into one that an earlier copy of "
    "the same source has made."
)


def open_search(page: Page) -> None:
    """Opens the search once the site's script has made it."""
    page.locator("dialog[aria-label='Search']").wait_for(state="attached")
    page.keyboard.press("Control+k")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("docs") / "site"
    build(place)
    return place


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def in_navigation(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for target in entry.values():
            yield from in_navigation(target) if isinstance(target, list) else (target,)


def test_no_page_and_no_style_names_an_asset_of_another_host(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.svg")]
    found = {file.name: _FROM_ELSEWHERE.findall(file.read_text("utf-8")) for file in files}
    assert (len(files) > 50, {name: those for name, those in found.items() if those}) == (True, {})


def test_the_navigation_leads_to_each_guide_and_each_page_of_reference() -> None:
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    named = set(in_navigation(settings["project"]["nav"]))
    pages = [page for folder in ("guides", "reference") for page in (DOCS / folder).glob("*.md")]
    missing = {str(page.relative_to(CHECKOUT)) for page in pages} - named
    strangers = {
        name for name in named if not (CHECKOUT / name.replace("github/", ".github/")).exists()
    }
    assert (missing, strangers) == (set(), set())


def test_each_page_of_the_navigation_is_built_and_linked(site: Path) -> None:
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    pages = [Path(name) for name in in_navigation(settings["project"]["nav"])]
    built = [
        page.with_name("index.html" if page.stem == "README" else f"{page.stem}.html")
        for page in pages
    ]
    page = (site / "404.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'<a href="([^"#]+)" class="md-nav__link', page))
    assert [str(one) for one in built if not (site / one).is_file()] == []
    assert [str(one) for one in built if not any(link.endswith(str(one)) for link in linked)] == []


def test_each_link_within_the_site_leads_to_a_file(site: Path) -> None:
    """Also those to files that are no pages, and those that code hosts follow out of `daemon/docs/`."""
    links = [
        (page, urlsplit(link))
        for page in site.rglob("*.html")
        if page.name != "404.html"  # whose links are absolute
        for link in re.findall(r'href="([^"]+)"', page.read_text(encoding="utf-8"))
    ]
    paths = [(page, unquote(link.path)) for page, link in links if not link.netloc and link.path]
    broken = [(str(page), path) for page, path in paths if not (page.parent / path).exists()]
    assert (len(paths) > 1000, broken) == (True, [])


def test_a_search_finds_a_message_and_nothing_is_asked_of_another_host(
    address: str, open_page: OpenPage
) -> None:
    page = open_page()
    elsewhere: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith(address) else elsewhere.append(request.url),
    )
    page.goto(f"{address}/daemon/docs/ARCHITECTURE.html")
    expect(page.locator("img[src$='.svg']")).to_have_count(3)
    open_search(page)
    page.keyboard.type("AirPlay receiver")
    expect(page.get_by_role("option").first).to_contain_text("AirPlay receiver")
    assert elsewhere == []


@pytest.mark.parametrize(
    ("pasted", "section"),
    [
        ('fairmind-sync: the MLflow server answers 500: {"error_code": "X7"}', "MLflow"),
        ("wandb: ERROR No API key configured. Use `wandb login` to log in.", "W&B"),
        (f"sqlite:////srv/x7.db {_COPIED}", "The database"),
    ],
    ids=["MLflow", "W&B", "db copy"],
)
def test_a_message_that_is_pasted_whole_finds_its_remedy(
    address: str, open_page: OpenPage, pasted: str, section: str
) -> None:
    page = open_page()
    page.goto(f"{address}/daemon/docs/ARCHITECTURE.html")
    open_search(page)
    page.get_by_role("combobox").evaluate(_PASTE, pasted)
    first = page.get_by_role("option").first
    expect(first).to_contain_text("Messages, and what to do")
    expect(first).to_contain_text(section)


def test_a_link_that_leads_nowhere_ends_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "checkout"
    (wrong / "daemon" / "docs").mkdir(parents=True)
    (wrong / "README.md").write_text("# Title\n\n[there](#nothing)\n")
    monkeypatch.setattr("tests.docs_site.CHECKOUT", wrong)
    monkeypatch.setattr("tests.docs_site.SHOWN", ("README.md",))
    with pytest.raises(SiteError, match="anchor does not exist"):
        build(tmp_path / "site")
