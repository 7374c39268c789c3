"""A short outage by the same simulation as the long one."""

from __future__ import annotations

import pytest

from tests.system.endurance.outage import Report, run

pytestmark = pytest.mark.nightly
ROWS = 300
DAYS = 0.25


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return run(ROWS, DAYS, tmp_path_factory.mktemp("outage"))


def test_an_outage_uses_up_no_attempt(report: Report) -> None:
    assert report.attempts_while_offline == 0


def test_all_is_delivered_once_after_an_outage(report: Report) -> None:
    assert (report.statuses, report.runs) == ({"delivered": ROWS}, ROWS)


def test_an_outage_is_no_busy_loop(report: Report) -> None:
    assert (report.looks_without_a_probe, report.probes_a_minute < 4) == (0, True)


def test_the_end_of_an_outage_is_noticed_within_a_minute(report: Report) -> None:
    assert report.noticed_after_s <= 60
