"""Says whether a model does better or worse than before, by a definition that can be read: by the share of
metrics that passed; where that ties, by risk, then by how far metrics are beyond their thresholds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median_high
from typing import TYPE_CHECKING, TypeAlias

from fairmind_sync.operating.moved_metrics import MovedMetric, moved_most
from fairmind_sync.outbox import result_lookup
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.risk_levels import LEVELS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fairmind_sync.outbox.model_lookup import ModelInShort, ResultInShort
    from fairmind_sync.results.verdict import Verdict

COMPARED = 10
"""So many of the newest results are compared with as many before them."""
LOOKED_AT = 60
"""So many of a model's newest results are looked at, to find those of the type that most have."""
ENOUGH = 10
"""So many percentage points are better or worse; less is about the same."""
_ALL = 100
_NOTHING_MOVED = MovedMetric("", 0.0, 0.0, 0)

_Contents: TypeAlias = Callable[[Sequence[int]], Mapping[int, Mapping[str, Json]]]


@dataclass(frozen=True, slots=True)
class Course:
    """How a model's newest results of a type compare with those before.

    `now` and `before` are which percentage of the judged metrics passed; `risk_now` and `risk_before` are the
    risk in the middle of each, sorted by risk. `is_failing` where the newest result of both failed.
    """

    test_type: str
    now: int
    before: int
    is_failing: bool = False
    risk_now: str | None = None
    risk_before: str | None = None
    metric: MovedMetric = _NOTHING_MOVED

    @property
    def is_a_tie(self) -> bool:
        """Whether the shares that passed say neither better nor worse."""
        return abs(self.now - self.before) < ENOUGH

    @property
    def direction(self) -> int:
        """1 is better, -1 worse, 0 about the same: what says one of them first decides."""
        share = 0 if self.is_a_tie else self.now - self.before
        return (
            _sign(share)
            or _sign(_rank(self.risk_before) - _rank(self.risk_now))
            or self.metric.direction
        )

    @property
    def word(self) -> str:
        if self.is_failing and self.is_a_tie:
            return "still failing" + {1: ", but better", 0: "", -1: ", and worse"}[self.direction]
        return {1: "better", 0: "about the same", -1: "worse"}[self.direction]

    @property
    def tone(self) -> str:
        """'worse' for what is worse or fails still, 'better' for what is better, else 'same'."""
        if self.is_failing and self.is_a_tie and self.direction == 0:
            return "worse"
        return {1: "better", 0: "same", -1: "worse"}[self.direction]

    @property
    def reasons(self) -> list[str]:
        """What was compared, in words: the share, and where that says nothing, what else has changed."""
        return [
            f"{self.now} % of metrics passed, before {self.before} %",
            *self._other_reasons(),
        ]

    def _other_reasons(self) -> Iterator[str]:
        if self.is_a_tie and self.risk_now != self.risk_before:
            yield f"risk {self.risk_before} -> {self.risk_now}"
        if self.is_a_tie and self.metric.direction:
            yield self.metric.words


def courses(connection: Connection, models: Sequence[ModelInShort]) -> list[Course | None]:
    """Returns the course of each model, None where too few results say something."""
    contents = partial(result_lookup.contents, connection)
    return [course_of(one.history, contents) for one in models]


def course_of(results: Sequence[ResultInShort], contents: _Contents) -> Course | None:
    """Compares the last of the results, which come oldest first, with those before.

    Only results of the type that most of them have are compared: others, such as what somebody tries out,
    judge other metrics. A result that states a verdict, but judges no metric, counts as one metric. Contents
    are read only where the share that passed is about the same, and metrics failed before and now.

    Returns:
        None unless there are twice `COMPARED` results of the type with a verdict: fewer say too little.
    """
    judged = [one for one in results if one.verdict.has_passed is not None]
    types = Counter(one.test_type for one in judged).most_common(1)
    if not types or types[0][1] < 2 * COMPARED:
        return None
    commonest = types[0][0]
    alike = [one for one in judged if one.test_type == commonest]
    newest, before = alike[-COMPARED:], alike[-2 * COMPARED : -COMPARED]
    now, then = _percentage(newest), _percentage(before)
    risk_now, risk_before = _risks(newest, before)
    course = Course(
        commonest,
        now,
        then,
        is_failing=newest[-1].verdict.has_passed is before[-1].verdict.has_passed is False,
        risk_now=risk_now,
        risk_before=risk_before,
    )
    if course.is_a_tie and max(now, then) < _ALL:
        return replace(course, metric=_moved(newest, before, contents))
    return course


def _counts(verdict: Verdict) -> tuple[int, int]:
    """Returns how many metrics passed, and how many were judged."""
    if total := verdict.metrics_passed + verdict.metrics_failed:
        return verdict.metrics_passed, total
    return int(verdict.has_passed is True), 1


def _percentage(results: Sequence[ResultInShort]) -> int:
    counts = [_counts(one.verdict) for one in results]
    return round(100 * sum(passed for passed, _ in counts) / sum(total for _, total in counts))


def _risks(*sides: Sequence[ResultInShort]) -> list[str | None]:
    """Returns the risk in the middle of each side; None for all where one side states none that is known."""
    stated = [[_rank(one.verdict.overall_risk) for one in side] for side in sides]
    known = [[rank for rank in ranks if rank >= 0] for ranks in stated]
    return [LEVELS[median_high(ranks)] if all(known) else None for ranks in known]


def _rank(risk: str | None) -> int:
    return LEVELS.index(risk) if risk in LEVELS else -1


def _moved(
    newest: Sequence[ResultInShort], before: Sequence[ResultInShort], contents: _Contents
) -> MovedMetric:
    found = contents([one.id for one in (*newest, *before)])
    now, then = ([found[one.id] for one in side if one.id in found] for side in (newest, before))
    return moved_most(now, then) or _NOTHING_MOVED


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
