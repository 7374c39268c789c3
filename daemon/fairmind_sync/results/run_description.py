"""The description of a run in Markdown, which its page at a provider
shows, with the link to the status page.
"""

from __future__ import annotations

from urllib.parse import quote

from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.extraction import Extract, summary_text
from fairmind_sync.text import storable


def page_of(result: SavedResult, pages: str | None) -> str | None:
    """Returns the URL of the result's own page; None without `pages`, the URL of the status page."""
    return pages and f"{pages}/result?test_id={quote(storable(result.test_id), safe='')}"


def describe(extracted: Extract, page: str | None = None) -> str:
    """Returns the run's description in Markdown, with a link to the result's own page if there is one."""
    lines = [f"Bias test **{extracted.run_name}** of model **{extracted.tags['model_id']}**"]
    lines += [
        f"- {key.replace('_', ' ')}: {summary_text(value)}"
        for key, value in extracted.summary.items()
    ]
    if page is not None:
        lines.append(f"- [revisions, deliveries and report]({page})")
    return "\n".join(lines)
