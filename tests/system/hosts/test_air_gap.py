"""A home whose cable is pulled, two couriers with a network, and sticks that are lost, doubled and late."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mlflow_runs import HeldRun, runs_of
from tests.support.processes import command
from tests.system.hosts.network import Network, network
from tests.system.hosts.tracking import PORT, mlflow_in

EXPERIMENT = "air-gap"
SITES = ("home", "east", "west")
RESULTS = 12


class Gap:
    """Commands at each of the sites, which share nothing but a stick."""

    def __init__(self, net: Network, place: Path) -> None:
        self._net = net
        self._place = place
        self.stick = place / "stick"
        self.stick.mkdir()

    def run(self, site: str, *words: str, check: bool = True) -> str:
        env = {
            "MLOPS_PROVIDER": "mlflow",
            "MLFLOW_TRACKING_URI": f"http://{self._net.hub_address(site)}:{PORT}",
            "MLFLOW_EXPERIMENT_NAME": EXPERIMENT,
            "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{self._place / site / 'outbox.db'}",
        }
        return command(*words, env=env, inside=self._net.inside(site), check=check).stdout

    def bundle(self, site: str, *words: str) -> Any:
        return json.loads(self.run(site, "bundle", *words, "--json"))

    def heal(self) -> None:
        """Home has a network from now on."""
        self._net.heal("home")

    def save(self, numbers: range) -> None:
        lines = [
            {"test_id": f"t-{n}", "model_id": "m", "test_type": "ml_bias", "results": {"rate": n}}
            for n in numbers
        ]
        file = self._place / "results.jsonl"
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        self.run("home", "save", str(file))

    def export(self, name: str, *words: str) -> str:
        file = str(self.stick / name)
        self.bundle("home", "export", file, *words)
        return file

    def bring_home(self, courier: str) -> None:
        file = str(self.stick / f"{courier}-{len([*self.stick.iterdir()])}.back")
        self.bundle(courier, "receipts", file, "--for", "home")
        self.bundle("home", "import", file)

    def records(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("home", "runs", "--json"))
        return found

    def runs(self) -> list[HeldRun]:
        with self._net.visitor("hub") as there:
            return there.submit(runs_of, f"http://127.0.0.1:{PORT}", EXPERIMENT).result()


@pytest.fixture
def gap(tmp_path: Path) -> Iterator[Gap]:
    with network(*SITES) as net, mlflow_in(net, tmp_path):
        net.cut("home")
        made = Gap(net, tmp_path)
        lines = {one: made.bundle(one, "identity", "--name", one)["line"] for one in SITES}
        for courier in ("east", "west"):
            made.bundle("home", "trust", lines[courier])
            made.bundle(courier, "trust", lines["home"])
        yield made


@pytest.mark.nightly
def test_sticks_that_are_lost_doubled_and_late_lose_and_double_nothing(gap: Gap) -> None:
    gap.save(range(RESULTS))
    early = gap.export("1.out", "--for", "east", "--max-size", "3kB")
    shutil.copy(early, gap.stick / "1-copy.out")
    lost = gap.export("2.out", "--for", "west", "--max-size", "3kB", "--encrypt")
    gap.save(range(RESULTS, RESULTS + 2))
    gap.export("3.out", "--for", "west")
    gap.bundle("west", "import", str(gap.stick / "3.out"))
    again = gap.export("4.out", "--for", "west", "--again")
    gap.bundle("west", "import", again)
    gap.bundle("east", "import", early)
    for courier in ("west", "east"):
        gap.run(courier, "drain")
        gap.bring_home(courier)
    gap.bundle("west", "import", lost)  # it turned up
    gap.bundle("east", "import", str(gap.stick / "1-copy.out"))
    gap.heal()
    for site in SITES:
        gap.run(site, "drain")
    held = {run.params["test_id"]: run.id for run in gap.runs()}
    recorded = {one["test_id"]: one["run_id"] for one in gap.records()}
    assert (len(gap.runs()), len(held), recorded) == (RESULTS + 2, RESULTS + 2, held)
