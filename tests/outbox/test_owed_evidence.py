"""Evidence that delivered runs lack is tried in turn, rests after a refusal, and ends with its result."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, Row, update

from fairmind_sync.outbox import deletion, outcomes, owed_evidence, provider_state, repairs
from fairmind_sync.outbox.owed_evidence import LONGEST_WAIT, SHORTEST_WAIT, LackingEvidence
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.delivery import Delivery, OwedEvidence
from fairmind_sync.results.evidence_states import ALL_STORED, EvidenceState
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import outbox_table, results_table
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import RUN, claim, delivered, save

pytestmark = pytest.mark.both_databases

REFUSED = EvidenceState("refused", "the disk is full")
DUE = NOW + SHORTEST_WAIT
SECOND = timedelta(seconds=1)


def deliver(
    engine: Engine, state: EvidenceState | None, provider: ProviderName = "mlflow"
) -> Delivery:
    save(engine, provider)
    (delivery,) = claim(engine, provider)
    with writing(engine) as connection:
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW, state)
        provider_state.note_success(connection, provider, NOW)
    return delivery


def take(engine: Engine, now: object = DUE) -> OwedEvidence | None:
    with writing(engine) as connection:
        return owed_evidence.take(connection, "mlflow", now)  # type: ignore[arg-type]  # a datetime


def is_due(engine: Engine, now: object = DUE) -> bool:
    with reading(engine) as connection:
        return owed_evidence.is_due(connection, "mlflow", now)  # type: ignore[arg-type]  # a datetime


def recorded(engine: Engine) -> list[tuple[object, ...]]:
    return [_evidence(row) for row in rows(engine, outbox_table)]


def _evidence(row: Row[tuple[object, ...]]) -> tuple[object, ...]:
    return row.evidence_state, row.evidence_reason, row.evidence_due_at


def test_stored_evidence_is_not_tried_again(engine: Engine) -> None:
    deliver(engine, ALL_STORED)
    assert recorded(engine) == [("stored", None, None)]
    assert not is_due(engine, NOW + timedelta(days=1))


def test_a_run_without_evidence_has_no_state(engine: Engine) -> None:
    deliver(engine, None)
    assert recorded(engine) == [(None, None, None)]


def test_refused_evidence_is_due_a_little_later(engine: Engine) -> None:
    deliver(engine, REFUSED)
    assert recorded(engine) == [("refused", "the disk is full", DUE)]
    assert (is_due(engine, DUE - SECOND), is_due(engine, DUE)) == (False, True)


def test_what_is_due_comes_with_its_run_and_result(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)
    assert take(engine) == OwedEvidence(
        delivery.id, delivery.key, RUN.id, RUN.url, "somewhere", NOW, delivery.result
    )


def test_what_was_taken_is_not_taken_again_while_it_is_tried(engine: Engine) -> None:
    deliver(engine, REFUSED)
    take(engine)
    assert take(engine) is None
    assert take(engine, DUE + timedelta(minutes=2)) is not None


def test_the_longest_due_comes_first(engine: Engine) -> None:
    first, second = deliver(engine, REFUSED), deliver(engine, REFUSED)
    with writing(engine) as connection:
        owed_evidence.note(connection, first.id, REFUSED, DUE + SECOND)
    found = [take(engine, DUE + SECOND) for _ in range(2)]
    assert [one and one.delivery_id for one in found] == [second.id, first.id]


def test_another_providers_evidence_is_not_taken(engine: Engine) -> None:
    deliver(engine, REFUSED, "wandb")
    assert take(engine) is None


def test_the_outcome_of_a_try_is_recorded(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)
    with writing(engine) as connection:
        owed_evidence.note(connection, delivery.id, ALL_STORED, None)
    assert recorded(engine) == [("stored", None, None)]


def test_evidence_of_a_deleted_result_is_given_up(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)
    with writing(engine) as connection:
        deletion.delete(connection, delivery.result.test_id, delivery.result.user_id, NOW)
    assert take(engine) is None
    assert recorded(engine) == [("refused", "the result is no longer in the database", None)]


def test_evidence_is_tried_again_when_an_erased_result_is_saved_again(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)
    with writing(engine) as connection:
        connection.execute(update(results_table).values(erased_at=NOW))
    assert take(engine) is None
    save(engine, "mlflow", test_id=delivery.result.test_id, now=NOW + SECOND)
    assert recorded(engine) == [("waiting", None, NOW + SECOND)]


def test_evidence_that_was_refused_for_good_stays_so_when_its_result_is_saved_again(
    engine: Engine,
) -> None:
    delivery = deliver(engine, REFUSED)
    with writing(engine) as connection:
        owed_evidence.note(connection, delivery.id, REFUSED, None)
        connection.execute(update(results_table).values(erased_at=NOW))
    save(engine, "mlflow", test_id=delivery.result.test_id)
    assert recorded(engine) == [("refused", "the disk is full", None)]


def test_the_words_about_the_evidence_of_a_deleted_result_are_erased(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)
    with writing(engine) as connection:
        deletion.delete(connection, delivery.result.test_id, delivery.result.user_id, NOW)
    assert recorded(engine) == [("refused", None, DUE)]


def test_what_is_said_after_the_deletion_is_not_recorded(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)
    with writing(engine) as connection:
        deletion.delete(connection, delivery.result.test_id, delivery.result.user_id, NOW)
        owed_evidence.note(connection, delivery.id, REFUSED, DUE + SECOND)
    assert recorded(engine) == [("refused", None, DUE + SECOND)]


def test_after_evidence_of_a_deleted_result_comes_the_next(engine: Engine) -> None:
    deleted, left = deliver(engine, REFUSED), deliver(engine, REFUSED)
    with writing(engine) as connection:
        deletion.delete(connection, deleted.result.test_id, deleted.result.user_id, NOW)
    found = take(engine)
    assert found is not None
    assert found.delivery_id == left.id


def test_a_store_that_refused_rests(engine: Engine) -> None:
    deliver(engine, REFUSED)
    with writing(engine) as connection:
        owed_evidence.note_refused_store(connection, "mlflow", DUE)
    until = DUE + SHORTEST_WAIT
    assert (is_due(engine, until - SECOND), is_due(engine, until)) == (False, True)


def test_a_store_that_refuses_for_long_rests_as_long_again(engine: Engine) -> None:
    deliver(engine, REFUSED)
    hour = timedelta(hours=1)
    with writing(engine) as connection:
        owed_evidence.note_refused_store(connection, "mlflow", DUE)
        owed_evidence.note_refused_store(connection, "mlflow", DUE + hour)
    until = DUE + 2 * hour
    assert (is_due(engine, until - SECOND), is_due(engine, until)) == (False, True)


def test_a_store_that_works_again_rests_no_longer(engine: Engine) -> None:
    deliver(engine, REFUSED)
    with writing(engine) as connection:
        owed_evidence.note_refused_store(connection, "mlflow", DUE)
        owed_evidence.note_working_store(connection, "mlflow")
    assert is_due(engine)


@pytest.mark.parametrize(
    ("missing_for", "wait"),
    [
        (timedelta(), SHORTEST_WAIT),
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(days=9), LONGEST_WAIT),
        (-timedelta(days=1), SHORTEST_WAIT),
    ],
    ids=["at once", "minutes", "days", "a clock set back"],
)
def test_the_wait_is_as_long_again_as_the_evidence_was_missing(
    missing_for: timedelta, wait: timedelta
) -> None:
    assert owed_evidence.wait_after(missing_for) == wait


def test_an_operator_has_all_missing_evidence_tried_now(engine: Engine) -> None:
    deliver(engine, REFUSED)
    given_up = deliver(engine, REFUSED)
    deliver(engine, ALL_STORED)
    deliver(engine, REFUSED, "wandb")
    with writing(engine) as connection:
        owed_evidence.note(connection, given_up.id, REFUSED, None)
        owed_evidence.note_refused_store(connection, "mlflow", NOW)
        count = owed_evidence.try_now(connection, ["mlflow"], NOW)
    assert count == 2
    assert [take(engine, NOW) is None for _ in range(3)] == [False, False, True]


def test_an_operator_has_nothing_tried_that_is_no_longer_here(engine: Engine) -> None:
    deliver(engine, REFUSED)
    with writing(engine) as connection:
        connection.execute(update(results_table).values(erased_at=NOW))
        assert owed_evidence.try_now(connection, ["mlflow"], DUE) == 0


def test_old_runs_can_get_evidence_once(engine: Engine) -> None:
    old = delivered(engine)
    deliver(engine, ALL_STORED)
    with writing(engine) as connection:
        ids = owed_evidence.without_state(connection, "mlflow", 0, 10)
        owed_evidence.ask_for(connection, ids, NOW)
        again = owed_evidence.without_state(connection, "mlflow", 0, 10)
    assert (ids, again) == ([old.id], [])
    assert recorded(engine)[0] == ("waiting", None, NOW)


def test_runs_without_evidence_are_found_in_parts(engine: Engine) -> None:
    first, second = delivered(engine), delivered(engine)
    with reading(engine) as connection:
        assert owed_evidence.without_state(connection, "mlflow", 0, 1) == [first.id]
        assert owed_evidence.without_state(connection, "mlflow", first.id, 1) == [second.id]


def test_a_run_of_a_deleted_result_gets_no_evidence(engine: Engine) -> None:
    old = delivered(engine)
    with writing(engine) as connection:
        deletion.delete(connection, old.result.test_id, old.result.user_id, NOW)
        assert owed_evidence.without_state(connection, "mlflow", 0, 10) == []


def test_missing_evidence_is_counted_by_provider_and_state(engine: Engine) -> None:
    deliver(engine, REFUSED)
    deliver(engine, EvidenceState("refused", "no rights"))
    deliver(engine, EvidenceState("waiting", "no answer"), "wandb")
    deliver(engine, ALL_STORED)
    with reading(engine) as connection:
        assert owed_evidence.lacking(connection) == [
            LackingEvidence("mlflow", "refused", 2, "no rights"),
            LackingEvidence("wandb", "waiting", 1, "no answer"),
        ]


def test_a_delivery_that_is_delivered_again_owes_no_evidence_meanwhile(engine: Engine) -> None:
    delivery = deliver(engine, REFUSED)
    with writing(engine) as connection:
        repairs.reopen(connection, "mlflow", delivery.key, "it is gone", NOW)
    assert not is_due(engine)
