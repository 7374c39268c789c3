"""A target that was used gets only what is news to it: nothing that was done there is undone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fairmind_sync.errors import CopyError
from fairmind_sync.outbox import repairs, retry_discard, unclean_attempts
from fairmind_sync.results.delivery import Run
from fairmind_sync.storage.tables import provider_table
from tests.outbox.copies import (
    Copies,
    begin_create,
    deliver,
    fail_and_refuse,
    refuse,
    retry,
    use,
    write,
)
from tests.outbox.other_sites import give_away
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import dead, delivered, save

pytestmark = pytest.mark.both_databases
LATER = NOW + timedelta(days=9)
OTHER_RUN = Run("run-2", "https://provider.example/run-2")


def test_a_run_that_a_retry_in_the_target_made_is_kept(copies: Copies) -> None:
    save(copies.source, "mlflow")
    fail_and_refuse(copies.source)
    copies.again()
    write(copies.target, retry)
    deliver(copies.target, OTHER_RUN)
    copies.again()
    assert (copies.delivery().status, copies.delivery().run_id) == ("delivered", "run-2")


def test_a_retry_in_the_target_stays(copies: Copies) -> None:
    dead(copies.source)
    copies.again()
    use(copies.target)
    write(copies.target, retry)
    copies.again()
    assert copies.delivery().status == "pending"


def test_what_a_sweep_in_the_target_has_reopened_stays_open(copies: Copies) -> None:
    key = delivered(copies.source).key
    copies.again()
    use(copies.target)
    write(copies.target, repairs.reopen, "mlflow", key, "incomplete", NOW)
    copies.again()
    assert copies.delivery().status == "pending"


def test_what_the_target_has_delivered_stays_where_the_source_has_tried_more(
    copies: Copies,
) -> None:
    save(copies.source, "mlflow")
    copies.again()
    deliver(copies.target, OTHER_RUN)
    fail_and_refuse(copies.source)
    with pytest.raises(CopyError, match="holds other results"):  # two attempts have one id
        copies.again()
    assert (copies.delivery().status, copies.delivery().run_id) == ("delivered", "run-2")


def test_a_delivery_at_the_source_is_news(copies: Copies) -> None:
    save(copies.source, "mlflow")
    copies.again()
    use(copies.target)
    deliver(copies.source)
    copies.again()
    assert (copies.delivery().status, copies.delivery().run_id) == ("delivered", "run-1")


def test_an_attempt_at_the_source_is_news(copies: Copies) -> None:
    save(copies.source, "mlflow")
    copies.again()
    use(copies.target)
    refuse(copies.source)
    copies.again()
    assert copies.delivery().status == "dead"


def test_a_discard_at_the_source_is_news(copies: Copies) -> None:
    save(copies.source, "mlflow")
    copies.again()
    use(copies.target)
    write(copies.source, retry_discard.discard, [1], "not wanted", NOW)
    copies.again()
    assert copies.delivery().status == "discarded"


def test_a_discard_in_the_target_stays_where_the_source_has_tried_since(copies: Copies) -> None:
    save(copies.source, "mlflow")
    copies.again()
    use(copies.target)
    write(copies.target, retry_discard.discard, [1], "not wanted", NOW)
    refuse(copies.source)
    copies.again()
    assert copies.delivery().status == "discarded"


def test_a_hand_over_at_the_source_is_news(copies: Copies) -> None:
    save(copies.source, "mlflow")
    copies.again()
    use(copies.target)
    give_away(copies.source)
    copies.again()
    assert copies.delivery().status == "handed_over"


def test_a_hand_over_in_the_target_stays_where_the_source_has_tried_since(
    copies: Copies,
) -> None:
    save(copies.source, "mlflow")
    copies.again()
    give_away(copies.target)
    begin_create(copies.source)
    copies.again()
    assert (copies.delivery().status, copies.delivery().create_attempted_at) == (
        "handed_over",
        NOW,
    )


def test_attempts_that_are_added_are_swept_once_more(copies: Copies) -> None:
    save(copies.source, "mlflow")
    copies.again()
    use(copies.target)
    begin_create(copies.source)
    write(copies.target, unclean_attempts.note_swept, "mlflow", LATER)
    copies.again()
    (state,) = rows(copies.target, provider_table)
    assert state.swept_until == NOW
