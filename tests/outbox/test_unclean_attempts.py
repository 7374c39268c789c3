"""Which deliveries may have left a run behind that nobody knows of."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import outcomes, unclean_attempts
from fairmind_sync.outbox.unclean_attempts import SUSPECT_FOR, Standing
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import RUN, claimed, delivered

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)


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


def test_an_attempt_is_suspect_for_a_day(engine: Engine) -> None:
    key = unclean(engine)
    last = NOW + SUSPECT_FOR
    assert [suspects(engine, now) for now in (last, last + timedelta(microseconds=1))] == [
        [key],
        [],
    ]


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
    assert found == [Standing("delivered", RUN.id), None, None]


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
