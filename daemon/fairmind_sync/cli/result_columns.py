"""The columns of listings of results, of one result's numbers, and of statistics."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from fairmind_sync.cli.listing import Column, Cut, ShownOn
from fairmind_sync.cli.when import age, shown

if TYPE_CHECKING:
    from fairmind_sync.outbox.result_listing import ListedResult

COUNTS = (
    Column("by", itemgetter(0)),
    Column("is", itemgetter(1), Cut.MIDDLE),
    Column("results", itemgetter(2), is_number=True),
)
OVERALL = (
    Column("overall", itemgetter(0), Cut.MIDDLE),
    Column("value", itemgetter(1), is_number=True),
)


def columns(now: datetime) -> list[Column]:
    return [
        Column("test", attrgetter("test_id"), Cut.MIDDLE),
        Column("age", lambda r: age(r.saved_at, now), place=ShownOn.TERMINAL, is_number=True),
        Column("model", attrgetter("model_id"), Cut.MIDDLE),
        Column("dataset", attrgetter("dataset_id"), place=ShownOn.PIPE),
        Column("type", attrgetter("test_type"), Cut.END, needs=100),
        Column("user", attrgetter("user_id"), Cut.MIDDLE, needs=120),
        Column("risk", attrgetter("risk")),
        Column("verdict", attrgetter("verdict")),
        Column("passed", attrgetter("metrics_passed"), place=ShownOn.PIPE),
        Column("failed", attrgetter("metrics_failed"), place=ShownOn.PIPE),
        Column("metrics", _passed_of_all, place=ShownOn.TERMINAL, is_number=True),
        Column("tested", lambda r: shown(r.saved_at), place=ShownOn.PIPE),
    ]


def _passed_of_all(one: ListedResult) -> str:
    judged = one.metrics_passed + one.metrics_failed
    return f"{one.metrics_passed}/{judged}" if judged else ""


def number_columns() -> list[Column]:
    from fairmind_sync.evidence.number_format import number
    from fairmind_sync.results.recognition.words import spoken

    passed = {True: "yes", False: "no", None: ""}
    return [
        Column("metric", lambda row: spoken(row.metric), Cut.MIDDLE),
        Column(
            "by", lambda row: row.attribute and spoken(row.attribute), Cut.MIDDLE, optional=True
        ),
        Column("group", attrgetter("group"), Cut.MIDDLE, optional=True),
        Column("value", lambda row: number(row.value), is_number=True),
        Column("against", attrgetter("reference"), Cut.END, optional=True, needs=100),
        Column(
            "difference",
            lambda row: number(row.difference),
            is_number=True,
            optional=True,
            needs=100,
        ),
        Column("ratio", lambda row: number(row.ratio), is_number=True, optional=True),
        Column("threshold", lambda row: number(row.threshold), is_number=True, optional=True),
        Column("passed", lambda row: passed[row.passed], optional=True),
    ]
