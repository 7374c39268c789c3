"""Two hosts with daemons, a third with PostgreSQL and MLflow; a cable is pulled in mid-delivery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from fairmind_sync.intake.prepare import prepare
from fairmind_sync.outbox import delivery_lookup
from fairmind_sync.outbox.delivery_lookup import DeliveryRecord, RunFilter
from fairmind_sync.settings import Settings
from fairmind_sync.storage import schema
from fairmind_sync.storage.engine import let_go, reading
from fairmind_sync.storage.tables import attempts_table
from tests.support.databases import rows
from tests.support.deliveries import pid_of, save_with
from tests.support.mlflow_runs import HeldRun, runs_of
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.processes import (
    DaemonProcess,
    command,
    eventually,
    running_daemon,
)
from tests.system.crash.trouble import troubled
from tests.system.hosts.network import Network, network
from tests.system.hosts.tracking import PORT, mlflow_in

EXPERIMENT = "two-hosts"
RESULTS, LATER_RESULTS = 80, 20


class Site:
    """What the hub serves, seen from here."""

    def __init__(self, net: Network, server: PostgresServer, name: str, place: Path) -> None:
        self.net = net
        self.place = place
        self._name = name
        self.url = server.url(name)

    def env(self, host: str) -> dict[str, str]:
        address = self.net.hub_address(host)
        return {
            "MLOPS_PROVIDER": "mlflow",
            "MLFLOW_TRACKING_URI": f"http://{address}:{PORT}",
            "MLFLOW_EXPERIMENT_NAME": EXPERIMENT,
            "FAIRMIND_SYNC_DATABASE_URL": f"postgresql+psycopg://postgres@{address}/{self._name}",
            "FAIRMIND_SYNC_POLL_SECONDS": "1",
            **troubled(),
        }

    def save(self, numbers: range) -> None:
        settings = Settings(provider="mlflow", database_url=self.url)
        made = (
            prepare(
                f"test-{number}",
                None,
                "model",
                None,
                "ml_bias",
                {"accuracy": number / 7},
                private_fields=(),
            )
            for number in numbers
        )
        save_with(settings, made)

    def records(self) -> list[DeliveryRecord]:
        with reading(schema.ready_engine(self.url)) as connection:
            return delivery_lookup.deliveries(connection, RunFilter())

    def delivered(self) -> int:
        return sum(one.status == "delivered" for one in self.records())

    def runs(self) -> list[HeldRun]:
        with self.net.visitor("hub") as there:
            uri = f"http://127.0.0.1:{PORT}"
            return there.submit(runs_of, uri, EXPERIMENT, "ACTIVE_ONLY").result()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        net = stack.enter_context(network("east", "west"))
        server = stack.enter_context(postgres_server(net.inside("hub"), listen_addresses="*"))
        stack.enter_context(mlflow_in(net, tmp_path))
        site = Site(net, server, server.new_database_of_today(), tmp_path)
        yield site
        let_go(site.url)


def cut_in_mid_delivery(site: Site, east: DaemonProcess) -> None:
    """Nothing that east says reaches the database any more: what is under way there then stays so."""
    eventually(lambda: under_way(site, east))
    site.net.cut("east")
    while not under_way(site, east):  # it ended just then
        site.net.heal("east")
        eventually(lambda: under_way(site, east))
        site.net.cut("east")


def under_way(site: Site, daemon: DaemonProcess) -> int:
    """How many deliveries the daemon's workers hold."""
    workers = {child.pid for child in psutil.Process(daemon.process.pid).children(recursive=True)}
    return sum(
        pid_of(attempt.worker) in workers
        for attempt in rows(schema.ready_engine(site.url), attempts_table)
        if attempt.outcome is None
    )


@pytest.mark.nightly
def test_a_host_that_is_cut_off_in_mid_delivery_loses_and_doubles_nothing(site: Site) -> None:
    site.save(range(RESULTS))
    with (
        running_daemon(site.env("east"), site.place, site.net.inside("east")) as east,
        running_daemon(site.env("west"), site.place, site.net.inside("west")) as west,
    ):
        eventually(lambda: site.delivered() > RESULTS / 4)
        cut_in_mid_delivery(site, east)
        eventually(lambda: site.delivered() == RESULTS)
        site.net.heal("east")
        west.stop()
        site.save(range(RESULTS, RESULTS + LATER_RESULTS))
        eventually(lambda: site.delivered() == RESULTS + LATER_RESULTS)
        assert west.seen("delivery.delivered")  # before; the last ones are east's
    command("drain", env=site.env("hub"), inside=site.net.inside("hub"), check=False)
    runs = site.runs()
    found = {run.params["test_id"]: (run.id, run.status, len(run.metrics)) for run in runs}
    recorded = {one.test_id: (one.run_id, "FINISHED", 1) for one in site.records()}
    assert (len(runs), found) == (RESULTS + LATER_RESULTS, recorded)
