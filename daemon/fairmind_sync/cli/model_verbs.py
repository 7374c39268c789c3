"""The verb on models: results models."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairmind_sync.cli.command import AsJson, opened_to_look
from fairmind_sync.cli.how_many import rest_of
from fairmind_sync.cli.listing import Column, Cut, Listing, Note, Part, ShownOn
from fairmind_sync.cli.markdown import AsMarkdown, show_as_markdown
from fairmind_sync.cli.output import print_json
from fairmind_sync.cli.result_verbs import results
from fairmind_sync.cli.showing import show
from fairmind_sync.cli.when import age, shown

if TYPE_CHECKING:
    from datetime import datetime

    from fairmind_sync.operating.better_or_worse import Course
    from fairmind_sync.outbox.model_lookup import ModelInShort

__all__ = ["results"]


@results.command("models")
def models(
    search: Annotated[str, typer.Option("--search", help="Only with this in the model's id.")] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many, last tested first.")
    ] = 50,
    *,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
) -> None:
    """List models with their newest verdict, and whether each does better or worse than before.

    Example: fairmind-sync results models --search credit
    """
    from fairmind_sync.operating.better_or_worse import LOOKED_AT, courses
    from fairmind_sync.outbox import model_lookup
    from fairmind_sync.storage.engine import current_time, reading

    engine = opened_to_look()
    with reading(engine) as connection:
        found = model_lookup.models(connection, search=search, limit=limit + 1, length=LOOKED_AT)
        chosen = found[:limit]
        rows = [*map(_told, chosen, courses(connection, chosen))]
    if as_json:
        print_json(rows)
        return
    more = [Note(f"the {limit:,} last tested; more with --limit")] if len(found) > limit else []
    parts: list[Part] = [
        Listing(_columns(current_time(engine)), rows),
        *(more or rest_of(len(rows), len(rows), "models")),
    ]
    show_as_markdown(parts) if as_markdown else show(*parts)


def _told(model: ModelInShort, course: Course | None) -> dict[str, Any]:
    """Returns the fields of a model in the list."""
    newest = model.newest
    return {
        "model_id": model.model_id,
        "test_id": newest.test_id,
        "tested_at": newest.at,
        "risk": newest.verdict.overall_risk,
        "verdict": newest.verdict.word,
        "than_before": course and course.word,
        "compared_type": course and course.test_type,
        "reasons": course.reasons if course else [],
    }


def _columns(now: datetime) -> list[Column]:
    return [
        Column("model", itemgetter("model_id"), Cut.MIDDLE),
        Column("age", lambda m: age(m["tested_at"], now), place=ShownOn.TERMINAL, is_number=True),
        Column("risk", itemgetter("risk")),
        Column("verdict", itemgetter("verdict")),
        Column("than before", itemgetter("than_before")),
        Column("because", lambda m: "; ".join(m["reasons"]), Cut.END),
        Column("type", itemgetter("compared_type"), place=ShownOn.PIPE),
        Column("tested", lambda m: shown(m["tested_at"]), place=ShownOn.PIPE),
    ]
