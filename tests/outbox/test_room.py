"""How many more deliveries may be claimed: of those under way at once, and of those begun in a second."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from fairmind_sync.outbox import claims
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.storage.engine import writing
from tests.support.clock import NOW
from tests.support.deliveries import LEASE, claim, claimed, dead, save

pytestmark = pytest.mark.both_databases


def room(
    engine: Engine,
    provider: ProviderName = "mlflow",
    *,
    most: int | None = None,
    most_a_second: int | None = None,
    now: datetime = NOW,
) -> int:
    with writing(engine) as connection:
        return claims.room(connection, provider, now, most=most, most_a_second=most_a_second)


def test_where_nothing_is_limited_there_is_room_for_all(engine: Engine) -> None:
    claimed(engine)
    assert room(engine) == sys.maxsize


def test_what_is_under_way_takes_from_the_room(engine: Engine) -> None:
    for _ in range(3):
        claimed(engine)
    assert room(engine, most=5) == 2


def test_what_has_ended_takes_from_no_room(engine: Engine) -> None:
    dead(engine)
    assert room(engine, most=5) == 5


def test_a_lease_that_ran_out_takes_from_no_room(engine: Engine) -> None:
    claimed(engine)
    at_the_end = NOW + LEASE
    just_before = at_the_end - timedelta(microseconds=1)
    assert [room(engine, most=5, now=now) for now in (just_before, at_the_end)] == [4, 5]


def test_what_is_under_way_to_another_provider_takes_from_no_room(engine: Engine) -> None:
    claimed(engine)
    assert room(engine, "wandb", most=5) == 5


def test_of_two_limits_the_narrower_counts(engine: Engine) -> None:
    claimed(engine)
    rooms = [
        room(engine, most=most, most_a_second=a_second) for most, a_second in ((3, 5), (100, 5))
    ]
    assert rooms == [2, 5 * 5 - 1]


def test_what_was_claimed_in_the_last_five_seconds_takes_from_the_room(engine: Engine) -> None:
    for ago in (0.0, 5.0, 5.1):
        claimed(engine, now=NOW - timedelta(seconds=ago))
    assert room(engine, most_a_second=5) == 5 * 5 - 2


def test_what_another_provider_was_given_takes_from_no_room(engine: Engine) -> None:
    claimed(engine)
    assert room(engine, "wandb", most_a_second=5) == 5 * 5


def test_a_clock_that_was_set_back_takes_from_no_room(engine: Engine) -> None:
    claimed(engine, now=NOW + timedelta(hours=3))
    assert room(engine, most_a_second=5) == 5 * 5


def test_what_other_providers_were_given_since_hides_little(engine: Engine) -> None:
    """Four times as many of the newest attempts are looked at as may begin in five seconds."""
    for _ in range(2):
        claimed(engine)
    for _ in range(19):
        save(engine, "wandb")
    claim(engine, "wandb", limit=18)
    assert room(engine, most_a_second=1) == 5 - 2
    claim(engine, "wandb", limit=1)
    assert room(engine, most_a_second=1) == 5 - 1


def test_a_claim_without_room_takes_nothing(engine: Engine) -> None:
    save(engine, "mlflow")
    assert [claim(engine, limit=limit) for limit in (0, -1)] == [[], []]
