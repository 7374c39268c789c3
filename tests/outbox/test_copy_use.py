"""By what a copy notices that its target was used, though nobody saved or tried anything there last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fairmind_sync.operating import actions
from fairmind_sync.outbox import deletion, pruning
from fairmind_sync.outbox.enqueuing import enqueue
from fairmind_sync.storage.tables import hand_overs_table, results_table
from tests.outbox.copies import Copies, deliver, refuse, write
from tests.outbox.other_sites import give_away
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claim, save

pytestmark = pytest.mark.both_databases
DAY = timedelta(days=1)


@pytest.fixture
def pending(copies: Copies) -> Copies:
    """A copy of one pending delivery."""
    save(copies.source, "mlflow", test_id="one")
    copies.again()
    return copies


def test_what_the_target_has_handed_over_is_not_claimed_again(pending: Copies) -> None:
    give_away(pending.target)
    pending.again()
    assert (claim(pending.target), len(rows(pending.target, hand_overs_table))) == ([], 1)


def test_what_the_target_has_delivered_and_pruned_is_not_claimed_again(pending: Copies) -> None:
    deliver(pending.target)
    pruning.prune_all(pending.target, DAY, NOW + 3 * DAY)
    pending.again()
    assert pending.statuses() == ["delivered"]


def test_more_attempts_than_the_source_counts_were_made_in_the_target(copies: Copies) -> None:
    save(copies.source, "mlflow")
    deliver(copies.source)
    save(copies.source, "mlflow", test_id="two")
    copies.again()
    deliver(copies.target)
    pruning.prune_all(copies.target, DAY, NOW + 3 * DAY)
    copies.again()
    assert copies.statuses() == ["delivered", "delivered"]


def test_what_was_delivered_and_pruned_stays_where_the_source_has_tried_since(
    pending: Copies,
) -> None:
    deliver(pending.target)
    pruning.prune_all(pending.target, DAY, NOW + 3 * DAY)
    refuse(pending.source)
    pending.again()
    assert pending.statuses() == ["delivered"]


def test_what_the_target_has_deleted_stays_deleted(pending: Copies) -> None:
    write(pending.target, deletion.delete, "one", "user-1", NOW)
    pending.again()
    (result,) = rows(pending.target, results_table)
    assert (result.deleted_at, result.results, pending.statuses()) == (NOW, "{}", ["discarded"])


def test_what_the_target_has_discarded_is_not_claimed_again(pending: Copies) -> None:
    actions.discard(pending.target, [1], "not wanted")
    pending.again()
    assert (claim(pending.target), pending.statuses()) == ([], ["discarded"])


def test_what_the_target_owes_since_stays_owed(pending: Copies) -> None:
    write(pending.target, enqueue, [1], ["wandb"], NOW)
    pending.again()
    assert pending.statuses() == ["pending", "pending"]
