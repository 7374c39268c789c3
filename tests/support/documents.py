"""The documents of the checkout, and what they name."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "daemon" / "docs"
CODE = CHECKOUT / "daemon" / "fairmind_sync"


def documents() -> list[Path]:
    """Every page that is written for people, except the log of changes, which tells of the past."""
    return [
        CHECKOUT / "README.md",
        CHECKOUT / "daemon" / "deploy" / "README.md",
        *sorted((CHECKOUT / ".github").glob("*.md")),
        *sorted(DOCS.rglob("*.md")),
    ]


def name_of(document: Path) -> str:
    return str(document.relative_to(CHECKOUT))


def prose(text: str) -> str:
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def python_snippets(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def shell_snippets(text: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Where links into the page may lead: its headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
