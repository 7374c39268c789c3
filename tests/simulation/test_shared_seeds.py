"""Hosts that share a PostgreSQL database: a few seeds, a fault put back, and what the server does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from unittest.mock import patch

import pytest

from fairmind_sync.errors import StorageError
from fairmind_sync.storage.advisory_locks import try_advisory_lock
from tests.simulation.carrying_out import CarryingOut
from tests.simulation.events import Planned, Step
from tests.simulation.faults import COMMIT, Fault
from tests.simulation.hosts import DATABASE
from tests.simulation.plan import Plan
from tests.simulation.put_back import FAULTS, put_back
from tests.simulation.runs import Laboratory, laboratory
from tests.simulation.server_stores import RealWaitError, ServerStore, server_stores
from tests.simulation.shared_plans import shared_plan_of
from tests.simulation.simulated_sites import SimulatedSite
from tests.simulation.simulation import Simulation
from tests.support.postgres import PostgresServer


def plan(*events: Planned, hosts: int = 2) -> Plan:
    numbers = tuple(range(len(events)))
    return Plan(1, 0.2, 5, None, events, numbers, (True,) * hosts, is_shared=True)


@pytest.fixture(scope="module")
def lab(postgres: PostgresServer) -> Iterator[Laboratory]:
    with server_stores(postgres) as stores, laboratory(lambda _directory: stores) as made:
        yield made


@pytest.fixture
def run(lab: Laboratory) -> Iterator[Simulation]:
    """Two hosts without daemons; one commit gets no reply, and a producer stands still in another."""
    faults = Fault(COMMIT, 1, "no_reply"), Fault(COMMIT, 2, "freeze", 90.0)
    made = lab.simulation(plan(*faults))
    made.faults.are_over = True
    yield made
    made.close()


@pytest.mark.parametrize("seed", [5, 12])
def test_no_seed_of_hosts_that_share_a_database_loses_or_doubles_anything(
    lab: Laboratory, seed: int
) -> None:
    assert lab.run(shared_plan_of(seed)).findings == ()


def test_a_shared_seed_is_the_same_run_each_time(lab: Laboratory) -> None:
    assert lab.run(shared_plan_of(9)) == lab.run(shared_plan_of(9))


def test_a_claim_that_takes_live_leases_is_found_between_hosts(lab: Laboratory) -> None:
    (fault,) = (one for one in FAULTS if one.name == "a claim that takes live leases")
    two_hosts = plan(Step(5.0, "save", amount=1))
    with put_back(fault):
        found = lab.run(two_hosts).findings
    assert any(one.startswith("fence: a live lease was taken") for one in found)


def test_hosts_that_go_by_their_own_clocks_are_found(lab: Laboratory) -> None:
    """One host's clock is two hours ahead: each lease of the other has run out there."""
    ahead = plan(
        Step(1.0, "set clock", amount=7200.0, host=1),
        Step(5.0, "save", amount=1),
        Step(5.5, "save", amount=5),
    )
    with patch.object(ServerStore, "clock", lambda _store, host: host.time):
        found = lab.run(ahead).findings
    assert lab.run(ahead).findings == ()
    assert any(one.startswith("fence: a live lease was taken") for one in found)


def does(run: Simulation, what: str, *, host: int = 0) -> None:
    CarryingOut(run).do(Step(run.world.now, what, amount=1.0, host=host))


def saved_rows(run: Simulation) -> int:
    return len(run.databases[0].store.rows("SELECT id FROM bias_test_results"))


def test_a_commit_without_a_reply_is_made_and_not_acknowledged(run: Simulation) -> None:
    run.faults.are_over = False
    does(run, "save")
    run.world.run(10.0)
    assert (saved_rows(run), run.sites[0].acknowledged) == (1, [])


def test_a_transaction_that_stands_still_is_ended_and_others_go_on(run: Simulation) -> None:
    does(run, "save")
    run.world.run(10.0)
    run.faults.are_over = False
    does(run, "save")
    run.world.run(50.0)
    does(run, "save", host=1)
    run.world.run(200.0)
    acknowledged = [len(site.acknowledged) for site in run.sites]
    assert (saved_rows(run), acknowledged) == (2, [1, 1])


def test_a_host_that_is_cut_off_reaches_the_database_afterwards(run: Simulation) -> None:
    run.sites[0].cut_off(DATABASE, 60.0)
    does(run, "save")
    run.world.run(30.0)
    meanwhile = saved_rows(run)
    run.world.run(61.0)
    does(run, "save")
    run.world.run(90.0)
    assert (meanwhile, saved_rows(run)) == (0, 1)


def test_a_host_that_sleeps_loses_its_advisory_locks(run: Simulation) -> None:
    """The lock's connection stays open over the sleep of its host, whose sessions the server ends."""
    got: list[bool] = []

    def hold(site: SimulatedSite) -> None:
        process = site.host.started("holder")

        def work() -> None:
            engine = site.database.opened_by(process, site.host)
            with suppress(StorageError), try_advisory_lock(engine, "tidy") as is_ours:
                got.append(is_ours)
                process.sleep(100.0)

        process.start(work)

    hold(run.sites[0])
    run.world.run(1.0)
    hold(run.sites[1])
    run.sites[0].sleep(60.0)
    run.world.run(30.0)
    hold(run.sites[1])
    run.world.run(40.0)
    assert (got, run.world.crashes) == ([True, False, True], [])


def test_who_would_really_wait_in_the_server_fails_the_run(run: Simulation) -> None:
    store = run.databases[0].store
    assert isinstance(store, ServerStore)
    with store.session.transaction():
        store.session.execute("LOCK TABLE outbox")
        does(run, "save")
        run.world.run(10.0)
    assert [type(one) for one in run.world.crashes] == [RealWaitError]
