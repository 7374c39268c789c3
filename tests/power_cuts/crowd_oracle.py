"""Says what is wrong with rows that a power cut left of several processes' work, whoever came first."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from fairmind_sync.provider_names import PROVIDERS
from fairmind_sync.results.states import DEAD as DEAD_STATUS
from fairmind_sync.results.states import DELIVERED as DELIVERED_STATUS
from tests.power_cuts.facts import (
    CLAIMED,
    DEAD,
    DELIVERED,
    ERASED,
    SAVED,
    Fact,
    Facts,
    numbers_of,
)
from tests.power_cuts.oracle import Rows, wrong_counts
from tests.power_cuts.stories import payload

_STATUS = {DELIVERED: DELIVERED_STATUS, DEAD: DEAD_STATUS}


def wrong_by_facts(rows: Rows, expected: Facts) -> Iterator[str]:
    yield from _wrong_results(rows, expected)
    yield from _wrong_outcomes(rows, expected)
    yield from _wrong_owing(rows)
    yield from wrong_counts(rows)


def wrong_backup_of_many(copy: Rows, source: Rows, number: int, expected: Facts) -> Iterator[str]:
    """What was acknowledged before the backup was begun is in it; and nothing that the database lacks."""
    then = Facts(expected.possible, expected.before[number])
    for one in (*wrong_by_facts(copy, then), *_unknown(copy, source)):
        yield f"backup {number}: {one}"


def _unknown(copy: Rows, source: Rows) -> Iterator[str]:
    for table in ("bias_test_results", "outbox"):
        if lacking := {row[0] for row in copy[table]} - {row[0] for row in source[table]}:
            yield f"the database lacks its rows {sorted(lacking)} of {table}"


def _wrong_results(rows: Rows, expected: Facts) -> Iterator[str]:
    there = {_number(row[1]): row[7] for row in rows["bias_test_results"]}
    if len(there) != len(rows["bias_test_results"]):
        yield "a result that was saved again is there twice"
    may_be_erased = numbers_of(expected.possible, ERASED)
    for number in expected.saved - there.keys():
        yield f"the acknowledged result {number} is lost"
    for number in there.keys() - numbers_of(expected.possible, SAVED):
        yield f"nobody saved the result {number}"
    for number, held in there.items():
        is_erased = held == "{}" and number in may_be_erased
        if not is_erased and json.loads(held) != payload(number):
            yield f"the result {number} holds something else"
        if number in expected.gone and held != "{}":
            yield f"the result {number}, whose erasing was acknowledged, is back"


def _number(test_id: str) -> int:
    return int(test_id.removeprefix("test-"))


def _wrong_outcomes(rows: Rows, expected: Facts) -> Iterator[str]:
    deliveries = {row[0]: row for row in rows.get("outbox", ())}
    attempted = {row[1] for row in rows.get("delivery_attempts", ())}
    for delivery in numbers_of(expected.certain, CLAIMED):
        if delivery not in attempted or not deliveries[delivery][5]:
            yield f"the claim of delivery {delivery} was acknowledged, and is lost"
    recorded: set[Fact] = {
        (what, delivery)
        for what, status in _STATUS.items()
        for delivery, row in deliveries.items()
        if row[4] == status
    }
    certain = {fact for fact in expected.certain if fact[0] in _STATUS}
    for what, delivery in certain - recorded:
        yield f"that delivery {delivery} is {what} was acknowledged, and is lost"
    for what, delivery in recorded - expected.possible:
        yield f"nobody recorded that delivery {delivery} is {what}"
    for what, delivery in recorded:
        if what == DELIVERED and deliveries[delivery][10] != f"run-{delivery}":
            yield f"delivery {delivery} has another run"


def _wrong_owing(rows: Rows) -> Iterator[str]:
    """A result and its deliveries are there together: one for each provider."""
    owed: defaultdict[int, list[str]] = defaultdict(list)
    for row in rows.get("outbox", ()):
        owed[row[1]].append(row[2])
    for row in rows["bias_test_results"]:
        if sorted(owed.pop(row[0], [])) != sorted(PROVIDERS):
            yield f"{row[1]} has other deliveries than one for each provider"
    if owed:
        yield f"there are deliveries of no result: {sorted(owed)}"
