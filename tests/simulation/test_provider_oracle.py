"""What a site says of its providers at rest, each broken once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.events import Step
from tests.simulation.oracle import findings
from tests.simulation.plan import Plan
from tests.simulation.provider_log import BACK
from tests.simulation.provider_oracle import ProviderOracle
from tests.simulation.runs import laboratory
from tests.simulation.simulation import Simulation
from tests.simulation.site_oracle import SiteOracle

AN_OUTAGE = (Step(2.0, "away", "mlflow", 60.0), Step(3.0, "save", amount=1))


@pytest.fixture(scope="module")
def run() -> Iterator[Simulation]:
    """A run in which MLflow was away for a minute, at rest."""
    with laboratory() as lab:
        made = lab.simulation(Plan(1, 0.2, 5, None, AN_OUTAGE, (0, 1)))
        made.run()
        yield made
        made.close()


def test_nothing_is_wrong_after_an_outage_that_was_logged_with_its_end(run: Simulation) -> None:
    logged = [one.event for one in run.log.of([0], "mlflow")]
    assert (findings(run), logged) == ([], ["provider.offline", BACK])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "offline"}, "stuck: mlflow is offline at rest"),
        ({"since": "2030-01-01 00:00:00.000000"}, "state: since of mlflow is 2030-01-01"),
    ],
    ids=["away", "ahead"],
)
def test_a_row_that_is_wrong_at_rest_is_told(
    run: Simulation, change: dict[str, str], said: str
) -> None:
    site = SiteOracle(run, run.sites[0])
    site.states = [{**row, **change} for row in site.states if row["provider"] == "mlflow"]
    (found,) = ProviderOracle(run, site).findings()
    assert found.startswith(said)


def test_an_outage_whose_end_was_not_logged_is_told(
    run: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.log, "events", [one for one in run.log.events if one.event != BACK])
    kinds = [finding.partition(":")[0] for finding in findings(run)]
    assert kinds == ["log", "log"]
