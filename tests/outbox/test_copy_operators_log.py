"""Actions and bundles of both databases, to which each gave ids of its own: a copy loses none."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import bundle_log, operator_log, webhook_events
from fairmind_sync.outbox.bundle_log import BundleRecord
from fairmind_sync.outbox.operator_log import Action
from fairmind_sync.storage.engine import reading
from fairmind_sync.storage.tables import bundles_table, webhook_events_table
from tests.outbox.copies import Copies, use, write
from tests.support.clock import NOW
from tests.support.databases import rows

pytestmark = pytest.mark.both_databases


def note(engine: Engine, action: Action) -> None:
    write(
        engine,
        lambda connection: operator_log.note(
            connection, action, None, NOW, subject="something", count=1
        ),
    )


def noted(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return sorted(one.action for one in operator_log.newest(connection, 9))


def of_both(copies: Copies) -> None:
    """One action that both know, then one of the target and two of the source."""
    note(copies.source, "retry")
    copies.again()
    note(copies.target, "pause")
    note(copies.source, "discard")
    note(copies.source, "resume")


@pytest.mark.parametrize("is_used", [True, False], ids=["used", "else unused"])
def test_the_log_has_the_actions_of_both(copies: Copies, is_used: bool) -> None:
    of_both(copies)
    if is_used:
        use(copies.target)
    copies.again()
    assert noted(copies.target) == ["discard", "pause", "resume", "retry"]


def test_a_repeated_copy_adds_no_action_twice(copies: Copies) -> None:
    of_both(copies)
    copies.again()
    again = copies.again()
    assert (again.added, again.ahead, noted(copies.target)) == (
        0,
        0,
        ["discard", "pause", "resume", "retry"],
    )


def test_the_list_has_the_bundles_of_both(copies: Copies) -> None:
    for engine, key in ((copies.source, "a" * 32), (copies.target, "b" * 32)):
        record = BundleRecord("out", "results", key, "f" * 32, "there", NOW, 1, "out.bundle")
        write(engine, bundle_log.note, record)
    copies.again()
    kept = {row.bundle_key for row in rows(copies.target, bundles_table)}
    assert kept == {"a" * 32, "b" * 32}


def test_a_used_target_has_the_events_of_both(copies: Copies) -> None:
    for engine, key in ((copies.source, "dead:1"), (copies.target, "dead:2")):
        write(engine, webhook_events.begin, NOW)
        write(engine, webhook_events.add, key, {}, NOW)
    use(copies.target)
    copies.again()
    kept = {row.event_key for row in rows(copies.target, webhook_events_table)}
    assert {"dead:1", "dead:2"} <= kept
