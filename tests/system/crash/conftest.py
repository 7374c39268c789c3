from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.providers.lab import Lab
from tests.providers.test_mlflow import MlflowLab
from tests.providers.test_wandb import WandbLab
from tests.standins.wandb import StandInWandb
from tests.system.crash.outcome import save_results
from tests.system.crash.trouble import POINTS

_TWO_PLACES_FURTHER = (
    "test_a_killed_daemon",
    "test_what_another_machine_delivered_meanwhile_stays_one_run",
)
_POINTS_OF = {
    "test_a_killed_worker": (POINTS[0], POINTS[3]),
    "test_a_killed_daemon": (POINTS[3], POINTS[4]),
    "test_what_it_was_about_is_one_run_when_it_has_woken_up": POINTS[1:2],
    "test_what_another_machine_delivered_meanwhile_stays_one_run": (),
}
"""At each provider and each database somebody is killed: a worker here, a daemon there; one is slept over."""
_ONCE = {"trouble": ("hang", "postgresql"), "jump": ("-3h", "sqlite")}
"""The one value of these, on one database."""
_ON_SQLITE_ALONE = (
    "test_what_waits_for_a_provider_does_not_wait_for_the_clock",
    "test_a_daemon_goes_on_giving_signs_of_life_after_its_clock_was_set_back",
)
"""Where the daemon's own clock is also the database's."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each point, provider and database, but not all they can do together: that is left to `task nightly`.

    A test has a part of the points, where more of them would find no other mistake.

    The points take turns through the four places, a provider and a database each.
    """
    for item in items:
        is_here = item.path.parent == Path(__file__).parent  # the hook is given all items of a run
        if is_here and isinstance(item, pytest.Function) and _is_left_out(item):
            item.add_marker(pytest.mark.nightly)


def _is_left_out(item: pytest.Function) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    is_on_postgresql = params.get("database_url") == "postgresql"
    if is_on_postgresql and item.originalname in _ON_SQLITE_ALONE:
        return True
    for param, once in _ONCE.items():
        if param in params:
            return (params[param], params["database_url"]) != once
    if "lab" not in params:
        return False
    place = ("mlflow", "wandb").index(params["lab"]) + 2 * is_on_postgresql
    if "point" not in params:
        return place != 3
    if params["point"] not in _POINTS_OF[item.originalname]:
        return True
    turn = POINTS.index(params["point"]) + 2 * (item.originalname in _TWO_PLACES_FURTHER)
    return place != turn % 4


@pytest.fixture(params=["mlflow", "wandb"])
def lab(request: pytest.FixtureRequest, engine: Engine, mlflow_uri: str, tmp_path: Path) -> Lab:
    """A provider with results that wait for it."""
    if request.param == "mlflow":
        lab: Lab = MlflowLab(engine, mlflow_uri)
    else:
        standin: StandInWandb = request.getfixturevalue("wandb_standin")
        lab = WandbLab(engine, standin, tmp_path)
    save_results(lab)
    return lab
