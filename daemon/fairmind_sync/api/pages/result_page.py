"""The page of one result: verdict, groups, what changed since the revision before, deliveries; its report,
and the whole as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from fairmind_sync.api.context import CurrentSettings, Store
from fairmind_sync.api.pages.comparison import ComparedNumber, compared
from fairmind_sync.api.pages.rendering import Word, missing, render
from fairmind_sync.evidence.files import report_of
from fairmind_sync.evidence.group_table import table_of
from fairmind_sync.evidence.report import sections
from fairmind_sync.evidence.result_json import result_json
from fairmind_sync.evidence.style import STYLE_SHA256
from fairmind_sync.operating import explanation
from fairmind_sync.operating.why_waiting import providers_that_hold_back, waits
from fairmind_sync.outbox import saved_results
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID
from fairmind_sync.results.verdict import Verdict, verdict_of
from fairmind_sync.storage.engine import current_time, reading
from fairmind_sync.text import storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairmind_sync.results.delivery import SavedResult

router = APIRouter(include_in_schema=False)

_REPORT_POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_SHA256}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_MOST_REVISIONS = 20
Revision = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class RevisionShown:
    """A revision that is whole, with the verdict that its results state."""

    result: SavedResult
    verdict: Verdict


@router.get("/result")
def result(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    test_id: Word,
    user_id: Word | None = None,
    revision: Revision = None,
) -> HTMLResponse:
    now = current_time(engine)
    with reading(engine) as connection:
        found = saved_results.whole_revisions(connection, test_id, user_id, _MOST_REVISIONS)
        holding = providers_that_hold_back(connection)
    shown = [RevisionShown(one, verdict_of(one.results)) for one in found]
    chosen = next((one for one in shown if revision in (None, one.result.revision)), None)
    explained = explanation.explain(engine, settings, test_id, now)
    if chosen is None and not explained:
        return missing(request, settings, f"No result of a test {test_id!r} is saved here.")
    return render(
        request,
        "result.html",
        settings,
        now=now,
        test_id=test_id,
        chosen=chosen,
        revisions=shown,
        sections=sections(chosen.result, table_of(chosen.result)) if chosen else [],
        changes=_changes(shown),
        explanations=explained,
        held={
            one.delivery.id: holding[one.delivery.provider].word
            for one in explained
            if one.delivery.provider in holding and waits(one.delivery, now)
        },
    )


def _shown_by(
    request: Request,
    settings: CurrentSettings,
    engine: Store,
    test_id: Word,
    user_id: Word | None = None,
    revision: Revision = None,
) -> Callable[[Callable[[SavedResult], Response]], Response]:
    """Looks for a whole result: the newest one, or that of a user and a revision.

    What is returned shows the result by the function that it is given, or says that the result isn't here.
    """
    with reading(engine) as connection:
        found = saved_results.newest_result(connection, test_id, user_id, revision)
    words = f"No whole result of a test {test_id!r} is saved here."
    return lambda show: missing(request, settings, words) if found is None else show(found)


ShownBy = Annotated[Callable[[Callable[[Any], Response]], Response], Depends(_shown_by)]


@router.get("/report")
def report(shown_by: ShownBy) -> Response:
    """Returns the report of a result."""
    policy = {"Content-Security-Policy": _REPORT_POLICY}
    return shown_by(lambda found: HTMLResponse(report_of(found), headers=policy))


@router.get("/result.json")
def whole_result(shown_by: ShownBy) -> Response:
    """Returns the whole result as a file: the same that is among a run's evidence."""
    return shown_by(_as_file)


def _as_file(found: SavedResult) -> Response:
    return Response(
        storable(result_json(found, verdict_of(found.results))),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="result.json"'},
    )


def _changes(revisions: Sequence[RevisionShown]) -> list[ComparedNumber]:
    """Returns the numbers in which the newest revision of a user's test differs from the one before."""
    if not revisions:
        return []
    newest = revisions[0].result
    before = [one.result for one in revisions[1:] if one.result.user_id == newest.user_id][:1]
    if not before:
        return []
    return [one for one in compared([before[0].results, newest.results]) if one.differs]
