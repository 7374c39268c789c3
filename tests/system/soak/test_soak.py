"""A short soak, for every change; `task soak` is the long one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.system.crash.trouble import SHORT_LEASES, troubled
from tests.system.soak.soak import Plan, run

TIMES = SHORT_LEASES | {
    "fairmind_sync.providers.mlflow.provider:GRACE": 5,
}
"""A disturbed upload to W&B takes longer than an ordinary one."""


@pytest.mark.nightly
@pytest.mark.parametrize(("database", "daemons"), [("sqlite", 2), ("postgresql", 4)])
def test_a_short_soak_is_clean(
    tmp_path: Path, database: Literal["sqlite", "postgresql"], daemons: int
) -> None:
    plan = Plan(
        deliveries=24,
        kills=5,
        disturbed=1 / 3,
        daemons=daemons,
        database=database,
        seconds=600,
        seed=7,
        env=troubled(times=TIMES),
    )
    report = run(plan, tmp_path)
    assert report.is_clean, report
    assert sum(report.kills.values()) >= plan.kills / 2, report
