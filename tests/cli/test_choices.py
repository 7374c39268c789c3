"""Values that are chosen among some, and the nearest one to a wrong one."""

from __future__ import annotations

import pytest
import typer

from fairmind_sync.cli.choices import choice, chosen

STATUSES = ("pending", "delivered", "dead")


@pytest.mark.parametrize("given", ["dead", "DEAD", " dead "])
def test_a_value_is_found_however_it_is_written(given: str) -> None:
    assert chosen(given, STATUSES, "statuses") == "dead"


@pytest.mark.parametrize(("given", "told"), [("deliverd", ". Did you mean delivered?"), ("x", "")])
def test_a_wrong_value_is_told_with_the_nearest_one(given: str, told: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        chosen(given, STATUSES, "statuses")
    listed = f"{given!r} is none of the statuses: pending, delivered, dead"
    assert raised.value.message == listed + told


def test_values_are_completed_in_a_shell() -> None:
    completed = choice(STATUSES, "statuses")["autocompletion"]
    assert completed("de") == ["delivered", "dead"]
