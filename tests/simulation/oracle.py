"""Judges a run: each site, what the sites say of each other, and what the services hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.simulation.evidence_oracle import EvidenceOracle
from tests.simulation.hand_over_oracle import HandOverOracle
from tests.simulation.mlflow_service import MlflowRun
from tests.simulation.provider_oracle import ProviderOracle
from tests.simulation.shared_sites import SharedSite
from tests.simulation.simulation import Simulation
from tests.simulation.site_oracle import SiteOracle, may_have_woken_late

_GRACE_S = 30.0


def findings(run: Simulation) -> list[str]:
    """What is wrong after a run; nothing if all is as promised."""
    sites = [SharedSite(run.sites)] if run.plan.is_shared else run.sites
    oracles = [SiteOracle(run, site) for site in sites]
    found = [
        f"{finding} ({oracle.site.host.name})" if len(oracles) > 1 else finding
        for oracle in oracles
        for finding in (
            *oracle.findings(),
            *ProviderOracle(run, oracle).findings(),
            *EvidenceOracle(run, oracle).findings(),
        )
    ]
    found += HandOverOracle(oracles).findings()
    found += ServicesOracle(run, oracles).findings()
    return [*found, *(f"error: a strand ended with {error!r}" for error in run.world.crashes)]


class ServicesOracle:
    """Compares what the services hold with what the sites know."""

    def __init__(self, run: Simulation, sites: Sequence[SiteOracle]) -> None:
        self._run = run
        self._known = {row["delivery_key"]: row for one in sites for row in one.rows}
        self._settled = Counter(
            row["delivery_key"] for one in sites for row in one.rows if row["status"] != "pending"
        )
        self._sites = Counter(row["delivery_key"] for one in sites for row in one.rows)
        self._tried_where_nobody_sweeps = {
            row["delivery_key"]
            for one in sites
            for row in one.rows
            if row["create_attempted_at"] is not None and not one.site.has_network
        }

        self._arrived_too_late = {key for one in sites for key in one.arrived_too_late}

    def findings(self) -> Iterator[str]:
        yield from self._of_unknown_keys()
        yield from self._of_kept_runs()
        yield from self._of_running_runs()
        yield from self._of_second_runs()

    def _of_unknown_keys(self) -> Iterator[str]:
        for run in self._run.mlflow.runs.values():
            if not run.is_deleted and run.key not in self._known:
                yield f"twice: MLflow holds a run of an unknown key {run.key}"
        for key in self._run.wandb.runs:
            if key not in self._known:
                yield f"twice: W&B holds a run of an unknown key {key}"

    def _of_kept_runs(self) -> Iterator[str]:
        for key, kept in self._by_key().items():
            left = [run for run in kept if not run.is_deleted]
            is_known = (
                self._were_made_at_once(key, left)
                or self._were_left_behind(key, left)
                or key in self._arrived_too_late
            )
            if len(left) > 1 and not is_known:
                yield f"twice: MLflow holds {len(left)} runs of {self._known[key]['test_id']}"

    def _by_key(self) -> dict[str, list[MlflowRun]]:
        found: dict[str, list[MlflowRun]] = {}
        for run in self._run.mlflow.runs.values():
            if run.key in self._known:
                found.setdefault(run.key, []).append(run)
        return found

    def _were_made_at_once(self, key: str, runs: Sequence[MlflowRun]) -> bool:
        """The known limit of a bundle that was taken back, and had been imported, or was later.

        Two sites had the delivery then. If each has made its run before it could have seen the other's, both
        runs stay.
        """
        was_taken_back = any(
            key in stick.keys and stick.is_taken_back for stick in self._run.couriers.sticks
        )
        times = sorted(run.made_at for run in runs)
        is_close = all(later - earlier <= _GRACE_S for earlier, later in pairwise(times))
        return was_taken_back and is_close

    def _were_left_behind(self, key: str, runs: Sequence[MlflowRun]) -> bool:
        """The known limit of a delivery that has travelled and is given up: late runs of it end as FAILED.

        Whoever sweeps deletes none of them, as one might be what another site is filling.
        """
        has_travelled = any(key in stick.keys for stick in self._run.couriers.sticks)
        return has_travelled and sum(run.status != "FAILED" for run in runs) <= 1

    def _of_running_runs(self) -> Iterator[str]:
        """Yields runs that nobody finishes any more, as no site is going to deliver them."""
        spared = self._tried_where_nobody_sweeps | self._arrived_too_late
        for run in self._run.mlflow.runs.values():
            if not run.is_deleted and run.status == "RUNNING" and run.key in self._known:
                row = self._known[run.key]
                is_settled = self._settled[run.key] == self._sites[run.key]
                if is_settled and run.key not in spared:
                    yield f"false: a run of {row['test_id']}, {row['status']}, is left running"

    def _of_second_runs(self) -> Iterator[str]:
        """Yields keys of which MLflow made a second run, where nothing came too late for the grace period."""
        if may_have_woken_late(self._run) or any(
            fault.effect == "late" and fault.seconds > _GRACE_S for fault in self._run.faults.struck
        ):
            return
        for key, made in self._by_key().items():
            if len(made) > 1 and not self._were_made_at_once(key, made):
                yield f"twice: MLflow was sent {len(made)} runs of {key}, though nothing was late"
