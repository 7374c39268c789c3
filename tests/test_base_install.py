"""A base install is what a producer needs: few distributions; the rest says which extra brings it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.versions.requirements import base_requirements, requirements

MOST_DISTRIBUTIONS = 15
WITHOUT_THE_EXTRA = """
import importlib.abc, sys

class BaseInstall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, BaseInstall())
"""
PRODUCER = """
import asyncio
from fairmind_sync import bias_test_results as service, mlops_integration
from fairmind_sync.relay.loop import Relay
from fairmind_sync.settings import current_settings
from fairmind_sync.storage.schema import ready_engine
from fairmind_sync.testing import FakeProvider

service.save_test_result_sync("t", "u", "m", None, "ml_bias", {"accuracy": 1.0})
told = mlops_integration.log_bias_test("t", "m", "ml_bias", {"accuracy": 1.0}, wait=0)
provider = FakeProvider("mlflow")
Relay(ready_engine(current_settings().database_url), provider, max_attempts=3).drain()
record = asyncio.run(service.get_test_result("t", "u"))
print(told["mlflow"]["status"], len(provider.runs), record["metadata"]["mlflow_run_id"][:4])
"""
"""All that a producer does, and a delivery in its tests."""


def closure(*roots: Requirement) -> set[str]:
    """The names of the distributions that these requirements bring, as far as they are installed here."""
    found: set[str] = set()
    ahead = [*roots]
    while ahead:
        required = ahead.pop()
        name = canonicalize_name(required.name)
        if name in found or (required.marker and not required.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        with suppress(PackageNotFoundError):
            ahead += [Requirement(text) for text in requires(name) or ()]
    return found


def test_a_base_install_has_few_distributions() -> None:
    of_sqlalchemy_2_0 = {"greenlet"}
    others = closure(*base_requirements()) - of_sqlalchemy_2_0
    assert 1 + len(others) <= MOST_DISTRIBUTIONS


@cache
def missing_packages() -> frozenset[str]:
    """What can be imported here, and not in a base install."""
    brought = closure(*requirements("daemon")) - closure(*base_requirements())
    packages = packages_distributions()
    return frozenset(
        top for top, owners in packages.items() if {*map(canonicalize_name, owners)} <= brought
    )


@pytest.fixture
def ran_in_base(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a script that finds nothing but what a base install has."""

    def run(script: str) -> subprocess.CompletedProcess[str]:
        given = WITHOUT_THE_EXTRA.format(missing={*missing_packages()}) + script
        env = {**os.environ, "MLOPS_PROVIDER": "mlflow"}
        env["FAIRMIND_SYNC_DATABASE_URL"] = f"sqlite:///{tmp_path}/place/results.db"
        command = [sys.executable, "-c", given]
        return subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
        )

    return run


InBase = Callable[[str], subprocess.CompletedProcess[str]]


def test_a_producer_and_its_tests_need_no_more(ran_in_base: InBase) -> None:
    ran = ran_in_base(PRODUCER)
    assert (ran.stdout.splitlines()[-1:], ran.returncode) == (["pending 2 run-"], 0), ran.stderr


def test_the_bare_command_names_the_extra(ran_in_base: InBase) -> None:
    ran = ran_in_base("from fairmind_sync.__main__ import main\nmain()")
    told = (
        "fairmind-sync: The command line needs typer, which a base install leaves out. "
        "Run: pip install 'fairmind-sync[daemon]'\n"
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", told)


@pytest.mark.parametrize(
    "wanted",
    [
        "from fairmind_sync.daemon import lifespan",
        "from fairmind_sync import daemon",
        "import fairmind_sync.daemon.process",
        "from fairmind_sync.api import router",
        "from fairmind_sync.api.app import create_app",
        "import fairmind_sync.cli",
    ],
)
def test_what_needs_the_extra_names_it(ran_in_base: InBase, wanted: str) -> None:
    script = f"try:\n    {wanted}\nexcept ImportError as error:\n    print(error)"
    told = r".* needs \w+, which a base install leaves out\. Run: pip install 'fairmind-sync\[daemon\]'\n"
    ran = ran_in_base(script)
    assert re.fullmatch(told, ran.stdout), ran


def test_the_console_script_is_the_one_that_names_the_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"fairmind-sync": "fairmind_sync.__main__:main"}


@pytest.mark.parametrize("extra", ["wandb", "mlflow", "all", "test", "dev"])
def test_whoever_delivers_gets_the_daemon(extra: str) -> None:
    assert {str(one) for one in requirements("daemon")} <= {str(one) for one in requirements(extra)}
