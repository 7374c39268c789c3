"""The forecast's day: nothing is lost in it, and what saturates is what was made scarce."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.benchmarks.forecast import main, settled
from tests.benchmarks.forecast_model import (
    AS_IT_COMES,
    HOUR_S,
    PROVIDERS,
    Hour,
    Load,
    Means,
    World,
    day,
    limits,
    sizes,
)

WORLDS = [
    World(),
    World(means=AS_IT_COMES),
    World(load=Load(peak=6), means=Means(wandb_projects=9, mlflow_cores=90)),
    World(load=Load(peak=1), means=Means(postgres_cores=2)),
]


@pytest.mark.parametrize("world", WORLDS)
def test_what_was_saved_is_delivered_or_waits(world: World) -> None:
    before = dict.fromkeys(PROVIDERS, 1e6)
    for hour in day(world, before):
        for name in PROVIDERS:
            waits = hour.backlog[name] - before[name]
            assert hour.saved == pytest.approx(hour.delivered[name] + waits)
            assert hour.backlog[name] >= 0


@pytest.mark.parametrize("world", WORLDS)
def test_what_was_offered_is_saved_or_waits(world: World) -> None:
    last = day(world)[-1]
    assert last.saved + last.waiting == pytest.approx(world.load.results_a_day)
    assert last.waiting >= 0


@pytest.mark.parametrize("world", WORLDS)
def test_nothing_carries_more_than_its_limit(world: World) -> None:
    hours = day(world)
    assert max(hour.postgres_cores for hour in hours) <= world.means.postgres_cores * (1 + 1e-9)
    for limit in limits(world):
        if limit.provider is not None:
            assert max(_rates(hours, limit.provider)) <= limit.results_a_second * (1 + 1e-9)


def test_the_busiest_hour_is_as_busy_as_the_peak_says() -> None:
    load = Load(peak=4)
    offered = [hour.offered_a_second for hour in day(World(load=load))]
    assert max(offered) == pytest.approx(4 * load.mean)
    assert offered.index(max(offered)) == load.busiest_hour


def test_what_is_scarce_saturates_first() -> None:
    assert limits(World(means=Means(wandb_projects=1)))[0].what == "W&B's runs a project"
    assert limits(World(means=Means(mlflow_cores=1)))[0].what == "MLflow's server"


def test_enough_of_all_leaves_nothing_for_the_next_day() -> None:
    assert all(left == 0 for left in settled(World())[-1].backlog.values())


def test_dropped_partitions_end_the_growth() -> None:
    by_way = sizes(World(), (100, 200))
    assert {way for way, (before, after) in by_way.items() if before == after} == {
        "partitions by month, dropped",
        "partitions by day, dropped",
    }


def test_it_is_printed_with_other_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--results-a-day", "1000000", "--daemons", "2"])
    assert capsys.readouterr().out.startswith("1,000,000 results a day: 12/s")


def _rates(hours: list[Hour], provider: str) -> list[float]:
    """Deliveries a second of each hour."""
    totals = [0.0, *(hour.delivered[provider] for hour in hours)]
    return [(after - before) / HOUR_S for before, after in pairwise(totals)]
