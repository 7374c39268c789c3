"""What was pruned or deleted at either end: nothing empty is delivered, nothing erased is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fairmind_sync.operating import actions
from fairmind_sync.outbox import deletion, pruning
from fairmind_sync.outbox.enqueuing import enqueue
from fairmind_sync.storage.tables import attempts_table
from tests.outbox.copies import Copies, deliver, refuse, write
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import claim, save

DAY = timedelta(days=1)
WORD = "a word that only the payload has"
on_both = pytest.mark.both_databases


def delete_one(engine: Engine) -> None:
    write(engine, deletion.delete, "one", "user-1", NOW)


def prune(engine: Engine) -> None:
    pruning.prune_all(engine, DAY, NOW + 3 * DAY)


@pytest.fixture
def owed(copies: Copies) -> Copies:
    """Delivered to MLflow at both ends; the target owes the same result to W&B, too."""
    save(copies.source, "mlflow", test_id="one")
    deliver(copies.source)
    copies.again()
    write(copies.target, enqueue, [1], ["wandb"], NOW)
    return copies


@on_both
def test_a_payload_that_the_target_has_to_deliver_outlives_its_prune_at_the_source(
    owed: Copies,
) -> None:
    prune(owed.source)
    owed.again()
    (delivery,) = claim(owed.target, "wandb")
    assert delivery.result.results != {}


@on_both
def test_what_was_deleted_at_the_source_is_not_delivered_from_the_target(owed: Copies) -> None:
    delete_one(owed.source)
    owed.again()
    assert (claim(owed.target, "wandb"), owed.statuses()) == ([], ["delivered", "discarded"])


@on_both
def test_what_the_source_owes_of_a_result_that_the_target_has_deleted_is_discarded(
    copies: Copies,
) -> None:
    save(copies.source, "mlflow", test_id="one")
    deliver(copies.source)
    copies.again()
    delete_one(copies.target)
    write(copies.source, enqueue, [1], ["wandb"], NOW)
    copies.again()
    assert copies.statuses() == ["delivered", "discarded"]


@on_both
def test_what_the_source_owes_of_a_result_that_the_target_has_pruned_has_its_payload(
    copies: Copies,
) -> None:
    save(copies.source, "mlflow", test_id="one")
    deliver(copies.source)
    copies.again()
    actions.pause(copies.target, "mlflow")
    prune(copies.target)
    write(copies.source, enqueue, [1], ["wandb"], NOW)
    copies.again()
    (delivery,) = claim(copies.target, "wandb")
    assert delivery.result.results != {}


@on_both
def test_a_result_that_was_pruned_and_saved_again_has_its_payload(copies: Copies) -> None:
    save(copies.source, "mlflow", test_id="one")
    deliver(copies.source)
    prune(copies.source)
    copies.again()
    save(copies.source, "mlflow", "wandb", test_id="one")
    copies.again()
    (delivery,) = claim(copies.target, "wandb")
    assert delivery.result.results != {}


@on_both
def test_what_was_said_of_a_result_that_the_target_has_deleted_stays_erased(
    copies: Copies,
) -> None:
    save(copies.source, "mlflow", test_id="one")
    copies.again()
    delete_one(copies.target)
    refuse(copies.source)
    copies.again()
    assert [row.error for row in rows(copies.target, attempts_table)] == [None]


def files(engine: Engine) -> bytes:
    place = Path(str(engine.url.database))
    return b"".join(file.read_bytes() for file in place.parent.glob(f"{place.name}*"))


def deleted_with_word(copies: Copies) -> None:
    """Copied, then deleted at the source."""
    save(copies.source, "mlflow", test_id="one", results={"note": WORD})
    copies.again()
    delete_one(copies.source)


def test_a_payload_that_was_deleted_at_the_source_leaves_the_targets_files(
    copies: Copies,
) -> None:
    deleted_with_word(copies)
    was_there = WORD.encode() in files(copies.target)
    copies.again()
    assert (was_there, WORD.encode() in files(copies.target)) == (True, False)
