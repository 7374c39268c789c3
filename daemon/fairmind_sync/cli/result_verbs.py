"""Verbs on saved results: results list (with `--check`), show, stats, export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairmind_sync.cli.choices import choice
from fairmind_sync.cli.command import AsJson, opened_to_look
from fairmind_sync.cli.file_endings import format_of
from fairmind_sync.cli.filters import Limit, OfUser, chooses_results
from fairmind_sync.cli.how_many import MOST_COUNTED, rest_of
from fairmind_sync.cli.listing import Listing, Part
from fairmind_sync.cli.markdown import AsMarkdown, show_as_markdown
from fairmind_sync.cli.output import fail, print_json, say
from fairmind_sync.cli.result_columns import COUNTS, OVERALL, columns, number_columns
from fairmind_sync.cli.showing import show
from fairmind_sync.cli.when import shown
from fairmind_sync.text import counted

if TYPE_CHECKING:
    from fairmind_sync.outbox.result_listing import ResultFilter

_STATED = ("metrics passed", "metrics failed")
"""Numbers that are told above the listing."""

results = typer.Typer(
    help="Saved results: list, show, models, stats, export, delete.", no_args_is_help=True
)
_FORMATS = ("csv", "jsonl")
_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl"}


@results.command("list")
@chooses_results
def list_(
    limit: Limit = 50,
    *,
    wanted: ResultFilter,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit code 1 if one of them failed, also one that is not listed, or if none has a verdict.",
        ),
    ] = False,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
) -> None:
    """List results with their verdicts, those saved last first.

    Example: fairmind-sync results list --risk high --since 7d
    """
    from fairmind_sync.outbox.result_listing import how_many, listed
    from fairmind_sync.storage.engine import current_time, reading

    engine = opened_to_look()
    with reading(engine) as connection:
        found = listed(connection, wanted, limit)
        total = how_many(connection, wanted, MOST_COUNTED) if len(found) == limit else len(found)
        verdicts = [one.verdict for one in listed(connection, wanted)] if check else []
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        listing = Listing(columns(current_time(engine)), found)
        parts: list[Part] = [listing, *rest_of(len(found), total, "results")]
        show_as_markdown(parts) if as_markdown else show(*parts)
    if check:
        _check(verdicts)


def _check(verdicts: Sequence[str | None]) -> None:
    """Ends with exit code 1 if a verdict is *failed*, or if there is none at all."""
    if not verdicts:
        fail(
            "no result matches, so nothing was checked. See which there are: fairmind-sync results list"
        )
    if not any(verdicts):
        fail(
            "no result that matches states a verdict, so nothing was checked. "
            "Have the results say 'passed', or which metrics passed."
        )
    if "failed" in verdicts:
        raise typer.Exit(1)


@results.command("show")
def show_(
    test_id: Annotated[str, typer.Argument(help="The test's id.")],
    user_id: OfUser = None,
    revision: Annotated[int | None, typer.Option(help="Else the newest.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a result: its verdict, its numbers on the whole test, and those of its groups.

    Example: fairmind-sync results show test_123
    """
    from fairmind_sync.evidence.group_table import table_of
    from fairmind_sync.evidence.other_numbers import other_numbers
    from fairmind_sync.operating.why_waiting import reason_of, why_held_back
    from fairmind_sync.outbox import delivery_lookup, result_lookup, saved_results
    from fairmind_sync.results.verdict import verdict_of
    from fairmind_sync.storage.engine import current_time, reading

    engine = opened_to_look()
    with reading(engine) as connection:
        every = result_lookup.revisions(connection, test_id, user_id)
        found = [one for one in every if revision in (None, one[1])][:1]
        if not found:
            fail(
                f"no such result of a test {test_id!r} is saved here. See: fairmind-sync results list"
            )
        ((result_id, number, record),) = found
        wanted = delivery_lookup.RunFilter(result_id=result_id)
        deliveries = delivery_lookup.deliveries(connection, wanted)
        held = why_held_back(connection)
        owner = record["user_id"] or ""
        result = saved_results.newest_result(connection, test_id, owner, number)
    if as_json:
        passed = result and verdict_of(result.results).has_passed
        print_json(record | {"revision": number, "passed": passed})
        return
    now = current_time(engine)
    places = [
        (one.provider, f"{one.status} {one.run_url or reason_of(one, held, now) or ''}")
        for one in deliveries
    ]
    show(*_facts(record, number, len(every), places))
    if result is None:
        say("Its payload was erased.")
        return
    rows = table_of(result).rows
    others = [one for one in other_numbers(result.results, rows) if one[0] not in _STATED]
    if others:
        show("", Listing(OVERALL, others))
    if rows:
        show("", Listing(number_columns(), rows))
    _show_advice(record)


def _facts(
    record: dict[str, Any], revision: int, revisions: int, places: Iterable[tuple[str, str]]
) -> Iterator[str]:
    """Yields what identifies the result, what it states on the whole test, and where it is by provider."""
    more = f", revision {revision} of {revisions}" if revisions > 1 else ""
    yield f"{record['id']}{more}"
    named = {
        "model": record["model_id"],
        "dataset": record["dataset_id"],
        "user": record["user_id"],
        "type": record["test_type"],
        "tested": shown(datetime.fromisoformat(record["created_at"])),
        "risk": record["overall_risk"],
        "metrics": f"{record['metrics_passed']} passed, {record['metrics_failed']} failed",
        "verdict": _verdict_in(record),
        "summary": record["summary"],
    }
    named.update(places)
    yield from (f"  {name:9} {value}" for name, value in named.items() if value)


def _verdict_in(record: dict[str, Any]) -> str:
    from fairmind_sync.results.verdict import verdict_of

    return verdict_of(record["results"]).word or "none is stated"


def _show_advice(record: dict[str, Any]) -> None:
    said = record["recommendations"]
    for one in said if isinstance(said, list) else [said]:
        if isinstance(one, str):
            say(f"- {one}")
    say(f"Charts and the rest: fairmind-sync report {record['id']} -o report.html")


@results.command()
@chooses_results
def stats(
    *,
    wanted: ResultFilter,
    as_json: AsJson = False,
) -> None:
    """Count results by risk and type of test, and the metrics that passed.

    Example: fairmind-sync results stats --model-id credit --since 30d
    """
    from fairmind_sync.outbox.result_listing import summed_up
    from fairmind_sync.storage.engine import reading

    with reading(opened_to_look()) as connection:
        found = summed_up(connection, wanted)
    if as_json:
        print_json(found)
        return
    rows = [
        *(("risk", name, count) for name, count in found["by_risk"].items()),
        *(("type", name, count) for name, count in found["by_type"].items()),
        ("metrics", "passed", found["metrics_passed"]),
        ("metrics", "failed", found["metrics_failed"]),
    ]
    say(f"{counted(found['total_tests'], 'result')}; {found['pass_rate']} % of the metrics passed")
    show(Listing(COUNTS, rows))


@results.command()
@chooses_results
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else standard output.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv (a column a metric) or jsonl (all that was saved, an object a line); else as the "
            "file's name ends, or csv.",
            **choice(_FORMATS, "formats"),
        ),
    ] = None,
    *,
    wanted: ResultFilter,
    as_json: AsJson = False,
) -> None:
    """Write results to a file: CSV, a line a result, or JSON Lines with the whole content; oldest first.

    CSV has a column for each metric, named as in runs; 'removed' is how many private fields were left out.

    Example: fairmind-sync results export --since 2026-01-01 --until 2026-01-31 -o january.csv
    """
    from fairmind_sync.cli.exporting import export_csv, export_lines
    from fairmind_sync.outbox.result_listing import exported, newest_id

    usual = "jsonl" if as_json and not output else "csv"
    is_csv = format_of(output, _ENDINGS, usual, form) == "csv"
    engine = opened_to_look()
    found = partial(exported, engine, wanted, newest_id(engine))
    count = export_csv(output, found) if is_csv else export_lines(output, found())
    if output is None:
        return
    if as_json:
        print_json({"file": str(output), "results": count})
    else:
        say(f"wrote {counted(count, 'result')} to {output}")
