"""What a user has deleted goes to no other site, also where the deletion waits for a delivery's end."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import deletion, hand_overs
from fairmind_sync.outbox.delivery_lookup import RunFilter
from fairmind_sync.storage.engine import reading, writing
from tests.support.clock import NOW
from tests.support.deliveries import LEASE, claim, save

SITE, BUNDLE = "f" * 32, "a" * 32
pytestmark = pytest.mark.both_databases


def delete_under_way(engine: Engine) -> None:
    claim(engine, now=NOW - LEASE)
    with writing(engine) as connection:
        deletion.delete(connection, "t", "user-1", NOW - LEASE)


def test_what_was_deleted_is_no_candidate(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t", now=NOW - LEASE)
    delete_under_way(engine)
    with reading(engine) as connection:
        assert hand_overs.candidates(connection, RunFilter(), SITE, NOW, again=False) == []


def test_what_is_deleted_after_it_was_read_is_not_handed_over(engine: Engine) -> None:
    save(engine, "mlflow", test_id="t", now=NOW - LEASE)
    with reading(engine) as connection:
        (result,) = hand_overs.outgoing(connection, [1], SITE)
    delete_under_way(engine)
    with writing(engine) as connection:
        assert not hand_overs.mark(connection, result.deliveries, SITE, BUNDLE, NOW, again=False)
