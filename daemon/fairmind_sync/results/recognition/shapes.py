"""Walks nested objects of a result, and decides which keys are
groups and which metrics; gives a row for each number.

Shapes: `{group: number}` and `{group: {metric: number}}` under a key that names groups, `{metric: {group:
number}}`, each of them within an attribute or not; `{metric: {value, passed, ...}}`; lists of objects, and
frames in columns. What isn't recognised has no row; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fairmind_sync.results.keys import KeyPath
from fairmind_sync.results.plain_json import Json
from fairmind_sync.results.recognition import words
from fairmind_sync.results.recognition.measures import Measure, as_number, measure_in
from fairmind_sync.results.recognition.records import Record, listed_rows, records_in
from fairmind_sync.results.recognition.rows import Row
from fairmind_sync.results.recognition.scope import Object, Scope, attributes_in, either

_ALL = frozenset({"macro avg", "micro avg", "weighted avg"})
"""Keys of scikit-learn's classification report, whose other keys are classes, not groups."""
_FEWEST_GROUPS = 2
_KINDS = ("difference", "disparity", "ratio", "rate")
_TESTS = ("_test", "_tests", "_test_results")
"""Ends of what names a test, and no group."""
_NESTED = ("performance", "metrics", "rates", "scores")
"""Where the object of a group holds more of its metrics."""


def rows_in(results: Object, metadata: Object) -> list[Row]:
    """Returns a row for each number of a group or metric that is recognised, in the result's order."""
    known = frozenset(words.folded(one) for one in attributes_in(metadata))
    of_fairness = {key: one for key, one in metadata.items() if words.folded(key) != "threshold"}
    scope = Scope(known=known).at("", of_fairness)  # a bare one is where the model decides
    return [*_rows(dict(results), (), scope)]


def _rows(value: Json, path: KeyPath, scope: Scope) -> Iterator[Row]:
    if isinstance(value, dict):
        yield from _rows_of_object(value, path, scope)
    elif isinstance(value, list):
        key = path[-1]
        within = scope.at(key, {}) if words.attribute_in(key, scope.known) else scope
        yield from _rows_of_records([*records_in(value, path)], value, path, within)


def _rows_of_object(entry: Object, path: KeyPath, around: Scope) -> Iterator[Row]:
    key = path[-1] if path else ""
    scope = around.at(key, entry)
    columns = [*records_in(entry, path)]
    if columns:
        yield from _rows_of_records(columns, None, path, scope)
    elif (metric := _metric_by_group(path, entry, around)) is not None:
        yield from _numbers(entry, path, replace(scope, metric=metric))
    elif groups := _groups(key, entry, scope):
        yield from _rows_of_groups(groups, path, scope)
        yield from _rows_within({k: v for k, v in entry.items() if k not in groups}, path, scope)
    else:
        yield from _overall(entry, path, scope)
        yield from _rows_within(entry, path, scope)


def _with_features(scope: Scope, entry: Object) -> Scope:
    """Returns what is known within a MetricFrame's `by_group`: the attribute, or the crossing of several."""
    features = entry.get("sensitive_features")
    if not isinstance(features, list) or not features:
        return scope
    named = [one for one in features if isinstance(one, str)]
    known = scope.known | {words.folded(one) for one in named}
    return replace(scope, known=known, attribute=", ".join(named) or scope.attribute)


def _rows_within(entry: Object, path: KeyPath, scope: Scope) -> Iterator[Row]:
    for key, value in entry.items():
        if key != "thresholds":
            inner = _with_features(scope, entry) if key == "by_group" else scope
            yield from _rows(value, (*path, key), inner)


def _rows_of_records(
    records: Sequence[Record], values: list[Json] | None, path: KeyPath, scope: Scope
) -> Iterator[Row]:
    for row in listed_rows(records, path, scope.known, scope.reference):
        yield _in_scope(row, scope)
    for place, value in enumerate(values or []):
        if isinstance(value, dict):
            name = words.first_of(words.NAMES, value)
            within = scope.at(name, value) if isinstance(name, str) else scope
            yield from _rows_within(value, (*path, str(place)), within)
        else:
            yield from _rows(value, (*path, str(place)), scope)


def _in_scope(row: Row, scope: Scope) -> Row:
    return _of_attribute(
        replace(
            row,
            attribute=row.attribute or (scope.attribute if row.group is not None else None),
            threshold=either(row.threshold, scope.threshold_of(row.metric)),
        ),
        scope,
    )


def _of_attribute(row: Row, scope: Scope) -> Row:
    """Returns the row with the attribute that its group's name holds, and the reference group of that."""
    if row.group is None:
        return row
    attribute = row.attribute or words.attribute_of_group(row.group, scope.known)
    named = scope.references.get(words.folded(attribute or ""))
    return replace(row, attribute=attribute, reference=row.reference or named)


def _metric_by_group(path: KeyPath, entry: Object, around: Scope) -> str | None:
    """Returns the metric if the object holds nothing but the metric's numbers, by group."""
    holds_else = any(one is not None and measure_in(one) is None for one in entry.values())
    if not entry or holds_else:
        return None
    key = path[-1] if path else ""
    if metric := words.group_metric(key, around.around(path)):
        return None if any(map(words.is_metric, entry)) else metric
    if words.folded(key) in words.GROUP_TABLES:
        return None if any(isinstance(one, dict) for one in entry.values()) else around.metric
    if words.is_count(key) and len(path) > 1 and words.folded(path[-2]) in words.GROUP_TABLES:
        return "count"
    return _metric_of_groups(key, entry, around)


def _metric_of_groups(key: str, entry: Object, around: Scope) -> str | None:
    """Returns the metric that the key names, or what is around an attribute, if the entry names groups."""
    if len(entry) < _FEWEST_GROUPS or any(_is_no_group(one, around.known) for one in entry):
        return None
    if words.attribute_in(key, around.known) is not None:
        return around.metric if around.attribute is None else None
    return key if words.is_metric(key) and not words.is_count(key) else None


def _is_no_group(key: str, known: frozenset[str]) -> bool:
    return (
        words.is_metric(key)
        or words.attribute_in(key, known) is not None
        or key in words.FLAGS
        or words.folded(key).endswith(_TESTS)
    )


def _numbers(entry: Object, path: KeyPath, scope: Scope) -> Iterator[Row]:
    for group, value in entry.items():
        if (measure := measure_in(value)) is not None:
            yield _row(measure, str(scope.metric), (*path, group), path, group, scope)


def _groups(key: str, entry: Object, scope: Scope) -> dict[str, Object]:
    """Returns the objects that hold metrics of one group each, by group; none if the entry has no such.

    Where the key names neither groups nor an attribute, each object has to be a group's, and all of them have
    to hold the same rate.
    """
    if _ALL & entry.keys():
        return {}
    objects = {name: value for name, value in entry.items() if isinstance(value, dict) and value}
    named: dict[str, Object] = {
        name: one for name, one in objects.items() if not _is_no_group(name, scope.known)
    }
    if words.folded(key) in words.GROUP_TABLES or words.attribute_in(key, scope.known):
        return {n: one for n, one in named.items() if any(map(words.is_metric, _metrics(one, ())))}
    if len(named) < max(_FEWEST_GROUPS, len(objects)):
        return {}
    return named if set.intersection(*map(_rates, named.values())) else {}


def _rates(entry: Object) -> set[str]:
    return {
        key for key, value in entry.items() if words.is_rate(key) and as_number(value) is not None
    }


def _rows_of_groups(groups: Mapping[str, Object], path: KeyPath, scope: Scope) -> Iterator[Row]:
    for group, entry in groups.items():
        metrics = _metrics(entry, (*path, group))
        count = words.count_in(entry)
        passed = words.passed_in(entry) if len(metrics) == 1 else None  # else nobody knows which
        for metric, (measure, where) in metrics.items():
            row = _row(measure, metric, where, path, group, scope)
            yield replace(
                row,
                count=count,
                passed=passed if row.passed is None else row.passed,
            )


def _metrics(entry: Object, path: KeyPath) -> dict[str, tuple[Measure, KeyPath]]:
    """Returns the metrics of one group, and where each of them stands."""
    found: dict[str, tuple[Measure, KeyPath]] = {}
    for key, value in entry.items():
        if words.folded(key) in _NESTED and isinstance(value, dict):
            found |= _metrics(value, (*path, key))
        elif (measure := measure_in(value)) and not words.is_count(key) and key not in words.FLAGS:
            found[key] = (measure.beside(key, entry), (*path, key))
    return found or _count_alone(entry, path)


def _count_alone(entry: Object, path: KeyPath) -> dict[str, tuple[Measure, KeyPath]]:
    """Returns the count of a group of which nothing else is known."""
    counts = [(number, key) for key, value in entry.items() if (number := _count_at(key, value))]
    return {"count": (Measure(number), (*path, key)) for number, key in counts[:1]}  # noqa: B035 one at most


def _count_at(key: str, value: Json) -> float | None:
    return as_number(value) if words.is_count(key) else None


def _overall(entry: Object, path: KeyPath, scope: Scope) -> Iterator[Row]:
    """Yields the row of a metric whose object holds the metric's value and what is said of the value."""
    measure = measure_in(entry)
    if path and measure is not None and measure.is_judged:
        yield _row(measure, _named(path[-1], measure), path, path, None, scope)


def _named(metric: str, measure: Measure) -> str:
    """Returns the metric's name with the kind of number that it is: a ratio is no difference."""
    kind = words.folded(measure.key or "")
    is_told = kind not in _KINDS or words.folded(metric).endswith(kind)
    return metric if is_told else f"{metric}_{kind}"


def _row(
    measure: Measure, metric: str, path: KeyPath, table: KeyPath, group: str | None, scope: Scope
) -> Row:
    row = Row(
        metric=metric,
        value=measure.value,
        path=path if measure.key is None else (*path, measure.key),
        table=table,
        group=group,
        attribute=scope.attribute,
        count=measure.count,
        reference=scope.reference,
        threshold=either(measure.threshold, scope.threshold_of(metric)),
        has_own_threshold=measure.threshold is not None,
        passed=measure.passed,
        lower=measure.lower,
        upper=measure.upper,
    )
    return _of_attribute(row, scope)
