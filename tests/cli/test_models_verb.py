"""Models at the command line: whether each does better or worse than before, as the page says it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.support.clock import NOW
from tests.support.deliveries import save
from tests.support.processes import command


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    """A model that fails all the time and whose gap grows, and one with a single result."""
    for number in range(20):
        metric = {"value": 0.24 + 0.02 * (number >= 10), "threshold": 0.2, "passed": False}
        save(
            engine,
            model_id="credit",
            test_type="nightly",
            test_id=f"t{number}",
            now=NOW + number * timedelta(hours=1),
            results={"metrics": {"parity_gap": metric}},
        )
    save(engine, model_id="ranker", test_id="one")
    return {"FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string()}


def test_models_are_listed_with_how_they_do_and_why(env: dict[str, str]) -> None:
    header, *lines = command("results", "models", env=env).stdout.splitlines()
    told = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    assert [(one["model"], one["than before"], one["because"]) for one in told] == [
        (
            "credit",
            "still failing, and worse",
            "0 % of metrics passed, before 0 %; parity_gap 0.24 -> 0.26",
        ),
        ("ranker", "", ""),
    ]


def test_models_are_searched(env: dict[str, str]) -> None:
    (one,) = json.loads(command("results", "models", "--search", "rank", "--json", env=env).stdout)
    assert (one["model_id"], one["than_before"], one["reasons"]) == ("ranker", None, [])


def test_that_there_are_more_models_is_told(env: dict[str, str]) -> None:
    told = command("results", "models", "--limit", "1", env=env)
    assert (told.stdout.count("\n"), told.stderr) == (2, "the 1 last tested; more with --limit\n")
