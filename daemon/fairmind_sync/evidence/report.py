"""Builds the HTML report of a result from its sections: verdict, what failed, charts, tables,
recommendations, provenance. Pure.

No template language has to be installed where results are only saved; the page's look is in `style`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from fairmind_sync.evidence.audit import audit_fields
from fairmind_sync.evidence.charts import chart, drawn_of
from fairmind_sync.evidence.four_fifths import has_band, is_below_four_fifths
from fairmind_sync.evidence.gaps import gaps
from fairmind_sync.evidence.group_table import Table
from fairmind_sync.evidence.html_parts import fill, joined
from fairmind_sync.evidence.html_tables import OF_GROUPS, OF_METRICS, grid
from fairmind_sync.evidence.number_format import number, percent, phrase
from fairmind_sync.evidence.other_numbers import other_numbers
from fairmind_sync.evidence.result_json import identity_of
from fairmind_sync.evidence.style import STYLE
from fairmind_sync.results.delivery import SavedResult
from fairmind_sync.results.naming import run_name
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import directions, words
from fairmind_sync.results.recognition.rows import Row, blocks_of
from fairmind_sync.results.verdict import Verdict
from fairmind_sync.text import storable

MOST_CHARTS, MOST_SENTENCES, MOST_NUMBERS = 24, 50, 100
_PAGE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="color-scheme" content="light dark">\n<title>{title}</title>\n'
    "<style>{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
)
_HEADER = (
    '<header>\n<p class="kind">Bias test report</p>\n<h1>{model}</h1>\n<p>{test}</p>\n'
    '<p class="verdict"><strong class="{kind}">{verdict}</strong>{chips}</p>\n</header>'
)
_CHIP = ' <span class="chip">{}</span>'
_SECTION = "<section>\n<h2>{title}</h2>\n{body}\n</section>"
_LIST, _ITEM = "<ul>\n{}\n</ul>", "<li>{}</li>"
_NOTE = '<p class="note">{}</p>'
_FIGURE = "<figure>\n<figcaption>{title}</figcaption>\n{chart}\n{note}</figure>"
_PAIRS, _PAIR = (
    '<table class="pairs"><tbody>\n{}\n</tbody></table>',
    '<tr><th scope="row">{}</th><td>{}</td></tr>',
)
_SAID = ("summary", "interpretation", "explanation", "note", "notes")
_TROUBLE = ("error", "errors", "error_message", "warning", "warnings")
_CONTROLS = {
    ord(char): "\ufffd" for char in map(chr, (*range(32), *range(127, 160))) if char not in "\n\t"
}
"""What steers a terminal has no place in a page."""
_BAND = (
    "Above each bar: the value, and its share of the reference group's value. Shaded, for selection rates: "
    "from four fifths of the highest rate up to it."
)
_RULE = (
    "Selection rates below four fifths of the highest group's (29 CFR 1607.4 D): computed here, as a hint, "
    "and no verdict of the test. Small groups vary by chance. Groups of less than 2 % of all, and unknown "
    "ones, count as no highest group."
)


def report_html(result: SavedResult, verdict: Verdict, table: Table) -> str:
    """Returns the page: verdict, what failed, groups side by side, tables, recommendations, provenance."""
    shown = [fill(_SECTION, title=title, body=body) for title, body in sections(result, table)]
    body = joined([_header(result, verdict), *shown], "\n")
    page = fill(_PAGE, title=run_name(result), style=STYLE, body=body)
    return storable(page.translate(_CONTROLS))  # the header's, too


def sections(result: SavedResult, table: Table) -> list[tuple[str, Markup]]:
    """Returns the report's parts with their titles, without those that have nothing to say."""
    groups = [row for row in table.rows if row.group is not None]
    others = [row for row in table.rows if row.group is None]
    found = (
        ("What failed", _list([_failure(row) for row in table.rows if row.passed is False])),
        ("Less than four fifths", _below(groups)),
        ("How far apart", gaps(groups)),
        ("Groups side by side", _charts(groups)),
        ("Metrics", grid(others, OF_METRICS)),
        ("Groups", grid(groups, OF_GROUPS, table.left_out)),
        ("Other numbers", _numbers(result, table)),
        ("What the test says", _sentences(result, *_SAID)),
        ("Errors and warnings", _sentences(result, *_TROUBLE)),
        ("Recommendations", _sentences(result, "recommendations", "recommendation")),
        (
            "For the audit",
            _pairs(audit_fields(result.results, result.metadata, _thresholds(table))),
        ),
        ("Provenance", _pairs(_provenance(result))),
    )
    return [(title, _without_controls(body)) for title, body in found if body]


def _without_controls(section: Markup) -> Markup:
    return Markup(str(section).translate(_CONTROLS))  # noqa: S704 it was markup


def _header(result: SavedResult, verdict: Verdict) -> Markup:
    named, kind = _verdict_words(verdict)
    day = result.created_at.date().isoformat()
    return fill(
        _HEADER,
        model=result.model_id or "No model named",
        test=" · ".join(one for one in (result.test_type, result.test_id, day) if one),
        kind=kind,
        verdict=named,
        chips=joined(fill(_CHIP, chip) for chip in _chips(verdict)),
    )


def _verdict_words(verdict: Verdict) -> tuple[str, str]:
    match verdict.has_passed:
        case True:
            return "Passed", "passed"
        case False:
            return "Failed", "failed"
        case _:
            return "No verdict stated", "unknown"


def _chips(verdict: Verdict) -> Iterable[str]:
    if verdict.overall_risk:
        yield f"risk: {verdict.overall_risk}"
    if verdict.metrics_passed or verdict.metrics_failed:
        yield f"{verdict.metrics_passed} passed, {verdict.metrics_failed} failed"
    if verdict.bias_detected is not None:
        yield "bias detected" if verdict.bias_detected else "no bias detected"


def _failure(row: Row) -> str:
    whose = "" if row.group is None else f" of {_group(row)}"
    said = f"{words.spoken(row.metric)}{whose}: {number(row.value)}"
    if row.threshold is None or not row.has_own_threshold:
        return said
    size = row.value if directions.is_comparable(row.metric) else abs(row.value)
    if size == row.threshold:
        return f"{said}, at the threshold"
    side = "above" if size > row.threshold else "below"
    return (
        f"{said}, {number(abs(size - row.threshold))} {side} the threshold {number(row.threshold)}"
    )


def _thresholds(table: Table) -> set[float]:
    """Returns the thresholds that stand beside their metrics in the report's tables."""
    own = (row.threshold for row in table.rows if row.has_own_threshold)
    return {threshold for threshold in own if threshold is not None}


def _below(groups: Sequence[Row]) -> Markup | None:
    said = [
        f"{words.spoken(row.metric)} of {_group(row)}: {_impact(row)}"
        for row in groups
        if is_below_four_fifths(row)
    ]
    listed = _list(said)
    return None if listed is None else fill(_NOTE, _RULE) + listed


def _impact(row: Row) -> str:
    compared = f" of {row.highest}" if row.highest is not None else ""
    members = f", of {row.count} members" if row.count is not None else ""
    return f"{percent(row.impact)}{compared}{members}"


def _group(row: Row) -> str:
    return f"{row.group} ({words.spoken(row.attribute)})" if row.attribute else str(row.group)


def _charts(groups: Sequence[Row]) -> Markup | None:
    drawn = [rows for rows in blocks_of(groups) if len(rows) > 1]
    if not drawn:
        return None
    notes = [_BAND] if any(map(has_band, drawn)) else []
    if len(drawn) > MOST_CHARTS:
        notes.append(f"{len(drawn) - MOST_CHARTS} metrics more are in the table.")
    figures = (_figure(rows) for rows in drawn[:MOST_CHARTS])
    return joined([*(fill(_NOTE, note) for note in notes), *figures], "\n")


def _figure(rows: Sequence[Row]) -> Markup:
    attribute = f" by {words.spoken(rows[0].attribute)}" if rows[0].attribute else ""
    title = f"{words.spoken(rows[0].metric)}{attribute}"
    where = " / ".join(rows[0].table)
    note = fill(_NOTE, f"In the result: {where}") if where else Markup()
    if hidden := len(rows) - len(drawn_of(rows)):
        note += fill(
            _NOTE, f"{hidden} groups more, or without a finite value, are in the table alone."
        )
    return fill(_FIGURE, title=title[:1].upper() + title[1:], chart=chart(rows), note=note)


def _numbers(result: SavedResult, table: Table) -> Markup | None:
    """Returns the numbers that are in none of the tables; where rows were left out, nobody knows which."""
    found = [] if table.left_out else other_numbers(result.results, table.rows)
    shown = _pairs(found[:MOST_NUMBERS])
    if shown is not None and len(found) > MOST_NUMBERS:
        shown += fill(_NOTE, f"{len(found) - MOST_NUMBERS} more are in result.json.")
    return shown


def _sentences(result: SavedResult, *keys: str) -> Markup | None:
    texts = [*dict.fromkeys(_texts(result.results, keys))]
    shown = _list(texts[:MOST_SENTENCES])
    if shown is not None and len(texts) > MOST_SENTENCES:
        shown += fill(_NOTE, f"{len(texts) - MOST_SENTENCES} more are in result.json.")
    return shown


def _texts(value: Json, keys: Sequence[str]) -> Iterable[str]:
    """Yields the texts under these keys anywhere in the value."""
    if isinstance(value, dict):
        for key, item in value.items():
            listed = item if isinstance(item, list) else [item]
            if key in keys:
                yield from (phrase(one) for one in listed if isinstance(one, str) and one.strip())
            yield from _texts(item, keys)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, keys)


def _list(texts: Sequence[str]) -> Markup | None:
    return fill(_LIST, joined((fill(_ITEM, text) for text in texts), "\n")) if texts else None


def _pairs(pairs: Sequence[tuple[str, str]]) -> Markup | None:
    return fill(_PAIRS, joined((fill(_PAIR, *pair) for pair in pairs), "\n")) if pairs else None


def _provenance(result: SavedResult) -> list[tuple[str, str]]:
    """Returns what identifies the result, and what the metadata say of model, data and code."""
    said = {
        key: value
        for key, value in result.metadata.items()
        if words.folded(key) in words.PROVENANCE
    }
    named = identity_of(result) | said
    return [
        (words.spoken(key), phrase(value))
        for key, value in named.items()
        if value not in (None, "")
    ]
