"""Which deliveries may have left a run behind that nobody knows of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, Engine, select

from fairmind_sync.outbox import (
    outcomes,
    provider_state,
    repairs,
    retry_discard,
    unclean_attempts,
)
from fairmind_sync.outbox.unclean_attempts import SUSPECT_FOR, Standing
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from fairmind_sync.storage.tables import provider_table
from tests.support.clock import NOW
from tests.support.deliveries import RUN, claimed, delivered

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def suspects(
    engine: Engine,
    now: datetime = NOW + HOUR,
    provider: ProviderName = "mlflow",
    limit: int | None = None,
) -> list[str]:
    with reading(engine) as connection:
        return unclean_attempts.suspect_keys(connection, provider, now, limit)


def unclean(engine: Engine) -> str:
    """The key of a delivery whose worker died after it may have made a run."""
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
    return delivery.key


def swept(engine: Engine, at: datetime) -> None:
    with writing(engine) as connection:
        unclean_attempts.note_swept(connection, "mlflow", at)


def test_an_attempt_is_suspect_until_a_sweep_a_day_later(engine: Engine) -> None:
    key = unclean(engine)
    last, found = NOW + SUSPECT_FOR, []
    for at in (NOW + HOUR, last, last + MOMENT):
        swept(engine, at)
        found.append(suspects(engine, at))
    assert found == [[key], [key], []]


def test_a_machine_that_slept_for_days_forgets_no_attempt(engine: Engine) -> None:
    swept(engine, NOW - HOUR)
    key = unclean(engine)
    assert suspects(engine, NOW + 3 * SUSPECT_FOR) == [key]


def test_a_sweep_by_a_clock_that_ran_ahead_hides_no_attempt(engine: Engine) -> None:
    swept(engine, NOW + 9 * SUSPECT_FOR)
    key = unclean(engine)
    assert suspects(engine) == [key]


def discard(connection: Connection, now: datetime) -> None:
    retry_discard.discard(connection, [1], "no use", now)


def bury(connection: Connection, now: datetime) -> None:
    """As after a long pause: the worker that died had the last attempt."""
    repairs.bury_exhausted(connection, "mlflow", max_attempts=1, now=now)


@pytest.mark.parametrize("give_up", [discard, bury])
def test_what_is_given_up_long_after_its_sweeps_is_swept_again(
    engine: Engine, give_up: Callable[[Connection, datetime], None]
) -> None:
    """Sweeps left its run alone while the delivery was pending, and would have adopted it."""
    key = unclean(engine)
    later = NOW + 3 * SUSPECT_FOR
    swept(engine, later)
    before = suspects(engine, later)
    with writing(engine) as connection:
        give_up(connection, later)
    assert (before, suspects(engine, later)) == ([], [key])


def test_what_made_no_run_is_not_swept_again(engine: Engine) -> None:
    claimed(engine)
    later = NOW + 3 * SUSPECT_FOR
    swept(engine, later)
    with writing(engine) as connection:
        before = provider_state_row(connection)
        discard(connection, later)
        assert provider_state_row(connection) == before


def provider_state_row(connection: Connection) -> object:
    return connection.execute(select(provider_table.c.swept_until)).scalar()


def test_a_sweep_of_one_provider_is_none_of_another(engine: Engine) -> None:
    key = unclean(engine)
    with writing(engine) as connection:
        unclean_attempts.note_swept(connection, "wandb", NOW + 2 * SUSPECT_FOR)
    assert suspects(engine) == [key]


def test_a_sweep_leaves_a_providers_state_as_it_is(engine: Engine) -> None:
    with writing(engine) as connection:
        provider_state.note_blocked(connection, "mlflow", "no key", chance=Random(1), now=NOW)
        before = provider_state.read(connection, "mlflow")
        unclean_attempts.note_swept(connection, "mlflow", NOW)
        assert provider_state.read(connection, "mlflow") == before


def test_an_attempt_at_one_provider_is_no_suspect_of_another(engine: Engine) -> None:
    unclean(engine)
    assert suspects(engine, provider="wandb") == []


def test_no_more_suspects_are_named_than_asked_for(engine: Engine) -> None:
    keys = {unclean(engine), unclean(engine)}
    assert (set(suspects(engine)), len(suspects(engine, limit=1))) == (keys, 1)


def test_the_standing_of_a_run_is_found_by_its_key(engine: Engine) -> None:
    delivery = delivered(engine)
    with reading(engine) as connection:
        found = [
            unclean_attempts.standing(connection, provider, key)
            for provider, key in (
                ("mlflow", delivery.key),
                ("wandb", delivery.key),
                ("mlflow", "0" * 32),
            )
        ]
    assert found == [Standing("delivered", RUN.id, NOW, "somewhere"), None, None]


def test_an_unclean_attempt_that_may_have_made_a_run_is_a_suspect(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
        outcomes.record_retry(
            connection, delivery, ErrorKind.UNCERTAIN, "lost", due_at=NOW, now=NOW
        )
    assert suspects(engine) == [delivery.key]


def test_an_attempt_that_made_no_run_is_no_suspect(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.record_retry(connection, delivery, ErrorKind.REJECTED, "no", due_at=NOW, now=NOW)
    assert suspects(engine) == []


def test_a_delivery_that_was_delivered_at_once_is_no_suspect(engine: Engine) -> None:
    delivery = claimed(engine)
    with writing(engine) as connection:
        outcomes.note_creating(connection, delivery, "somewhere", NOW)
        outcomes.record_delivered(connection, delivery, RUN, "somewhere", NOW)
    assert suspects(engine) == []
