"""What is explained by which id: a test's, a delivery's or a run's."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.operating.explanation import explain
from fairmind_sync.outbox.delivery_lookup import LARGEST_ID
from fairmind_sync.settings import Settings
from tests.support.clock import NOW
from tests.support.databases import store_of
from tests.support.deliveries import delivered, save

pytestmark = pytest.mark.mostly_sqlite


def explained(configured: Settings, named: str) -> list[int]:
    """The ids of the deliveries that are explained."""
    found = explain(store_of(configured), configured, named, NOW)
    return [one.delivery.id for one in found]


@pytest.fixture
def _two_tests(engine: Engine) -> None:
    """Delivery 1 became run-1; deliveries 2 and 3 are of the test '1'."""
    delivered(engine)
    save(engine, "mlflow", "wandb", test_id="1")


@pytest.mark.usefixtures("_two_tests")
@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("1", {2, 3}),
        ("2", {2}),
        ("run-1", {1}),
        ("nothing", set()),
        ("4", set()),
        (str(LARGEST_ID + 1), set()),
        ("9" * 5000, set()),
        ("\u0662", set()),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_an_id_is_a_tests_else_a_deliverys_else_a_runs(
    configured: Settings, named: str, expected: set[int]
) -> None:
    assert {*explained(configured, named)} == expected
