"""Says whether a model does better or worse than before: compares the share of metrics that passed, by a
definition that can be read. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fairmind_sync.outbox.model_lookup import ResultInShort
from fairmind_sync.results.verdict import Verdict

COMPARED = 10
"""So many of the newest results are compared with as many before them."""
ENOUGH = 10
"""So many percentage points are better or worse; less is about the same."""


@dataclass(frozen=True, slots=True)
class Course:
    """Which percentage of the judged metrics passed in the newest results of a type, and in those before."""

    test_type: str
    now: int
    before: int

    @property
    def word(self) -> str:
        if abs(self.now - self.before) < ENOUGH:
            return "about the same"
        return "better" if self.now > self.before else "worse"


def course_of(results: Sequence[ResultInShort]) -> Course | None:
    """Compares the last of the results, which come oldest first, with those before.

    Only results of the type that most of them have are compared: others, such as what somebody tries out,
    judge other metrics. A result that states a verdict, but judges no metric, counts as one metric. Returns
    None unless there are twice `COMPARED` results of the type with a verdict: fewer say too little.
    """
    judged = [
        (one.test_type, counts) for one in results if (counts := _counts(one.verdict)) is not None
    ]
    types = Counter(test_type for test_type, _ in judged).most_common(1)
    if not types or types[0][1] < 2 * COMPARED:
        return None
    commonest = types[0][0]
    alike = [counts for test_type, counts in judged if test_type == commonest]
    newest, before = alike[-COMPARED:], alike[-2 * COMPARED : -COMPARED]
    return Course(commonest, _percentage(newest), _percentage(before))


def _counts(verdict: Verdict) -> tuple[int, int] | None:
    """Returns how many metrics passed, and how many were judged; None if nothing is stated."""
    if total := verdict.metrics_passed + verdict.metrics_failed:
        return verdict.metrics_passed, total
    return None if verdict.has_passed is None else (int(verdict.has_passed), 1)


def _percentage(counts: Sequence[tuple[int, int]]) -> int:
    return round(100 * sum(passed for passed, _ in counts) / sum(total for _, total in counts))
