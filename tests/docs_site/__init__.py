"""The documents as a site: built from a copy in which diagrams are drawn and no folder is hidden."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.documents import CHECKOUT

SETTINGS = CHECKOUT / "daemon" / "docs" / "zensical.toml"
SHOWN = (
    "README.md",
    "daemon/CHANGELOG.md",
    "daemon/LICENSE",
    "daemon/deploy",
    "daemon/docs",
    ".github",
)
"""What the site holds, in the folders that it has in the checkout, so that links between them stay true."""
_HIDDEN = re.compile(r"(\]\((?:\.\./)*)\.github/")
"""The builder leaves out folders whose name begins with a dot."""
_DRAWING = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MOST_SECONDS = 300


class SiteError(Exception):
    """The site can't be built: a link, a heading or the navigation is wrong."""


def build(site: Path) -> None:
    """Builds the site into a new folder; raises SiteError, in the builder's words, for a link to nowhere."""
    with tempfile.TemporaryDirectory() as place:
        pages = Path(place, "pages")
        _gather(pages)
        shutil.copy(SETTINGS, place)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        ran = subprocess.run(
            command,
            cwd=place,
            env=os.environ | {"NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
        if ran.returncode:
            raise SiteError(ran.stdout + ran.stderr)
        shutil.move(Path(place, "site"), site)


def _gather(pages: Path) -> None:
    for name in SHOWN:
        source, target = CHECKOUT / name, pages / name.removeprefix(".")
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    for page in pages.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(_drawn(_HIDDEN.sub(r"\1github/", text), page), encoding="utf-8")


def _drawn(text: str, page: Path) -> str:
    """The page's text with each drawing's source replaced by a picture beside the page."""
    import mmdr  # noqa: PLC0415 every process collects this file, and would be told at its end what is left of it

    def picture(source: re.Match[str]) -> str:
        name = f"{page.stem}-{source.start()}.svg"
        (page.parent / name).write_text(mmdr.render(source[1]).svg(), encoding="utf-8")
        return f"![A drawing of what the text around it says]({name})"

    return _DRAWING.sub(picture, text)
