"""What is recorded of a run that a sweep finds of a delivery that is given up."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, update

from fairmind_sync.outbox import arrivals, hand_overs, repairs
from fairmind_sync.outbox.arrivals import ArrivingDelivery, ArrivingResult
from fairmind_sync.provider_names import ProviderName
from fairmind_sync.storage.engine import writing
from fairmind_sync.storage.tables import outbox_table
from fairmind_sync.testing import new_result
from tests.support.clock import NOW
from tests.support.databases import rows
from tests.support.deliveries import RUN, dead, delivered, save

pytestmark = pytest.mark.both_databases

SITE, BUNDLE, KEY = "f" * 32, "b" * 32, "c" * 32


def note_abandoned(
    engine: Engine, run_id: str = "r", key: str | None = None, provider: ProviderName = "mlflow"
) -> tuple[bool, str | None]:
    """What is answered, and the run that is recorded then."""
    (row,) = rows(engine, outbox_table)
    with writing(engine) as connection:
        answer = repairs.note_abandoned(connection, provider, key or row.delivery_key, run_id)
    return answer, rows(engine, outbox_table)[0].run_id


def write(engine: Engine, **values: object) -> None:
    with writing(engine) as connection:
        connection.execute(update(outbox_table).values(values))


@pytest.mark.parametrize("status", ["dead", "discarded"])
def test_the_first_run_that_is_found_is_the_deliverys(engine: Engine, status: str) -> None:
    dead(engine)
    write(engine, status=status)
    assert note_abandoned(engine) == (True, "r")


def test_each_other_run_is_a_second_one(engine: Engine) -> None:
    dead(engine)
    first, again, other = (note_abandoned(engine, run_id) for run_id in ("r", "r", "other"))
    assert (first, again, other) == ((True, "r"), (True, "r"), (False, "r"))


def test_what_will_be_tried_again_is_left_alone(engine: Engine) -> None:
    save(engine, "mlflow")
    assert note_abandoned(engine) == (False, None)


def test_what_was_delivered_is_left_alone(engine: Engine) -> None:
    delivered(engine)
    assert note_abandoned(engine, RUN.id) == (False, RUN.id)


@pytest.mark.parametrize(("key", "provider"), [(KEY, "mlflow"), (None, "wandb")])
def test_others_are_left_alone(engine: Engine, key: str | None, provider: ProviderName) -> None:
    dead(engine)
    assert note_abandoned(engine, "r", key, provider) == (False, None)


@pytest.mark.parametrize("is_back", [False, True])
def test_nothing_is_recorded_of_what_went_to_another_site(engine: Engine, is_back: bool) -> None:
    save(engine, "mlflow")
    with writing(engine) as connection:
        (result,) = hand_overs.outgoing(connection, [1], SITE)
        hand_overs.mark(connection, result.deliveries, SITE, BUNDLE, NOW, again=False)
        if is_back:
            hand_overs.take_back(connection, BUNDLE, NOW)
    write(engine, status="dead", finished_at=NOW)
    assert note_abandoned(engine) == (True, None)


def test_nothing_is_recorded_of_what_came_from_another_site(engine: Engine) -> None:
    came = ArrivingResult(new_result(), 1, (ArrivingDelivery("mlflow", KEY, 1, None),))
    with writing(engine) as connection:
        arrivals.take_in(connection, SITE, BUNDLE, [came], NOW)
    write(engine, status="dead", finished_at=NOW)
    assert note_abandoned(engine) == (True, None)
