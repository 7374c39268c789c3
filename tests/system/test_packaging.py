"""The wheel: what is in it, and that it works without the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from fairmind_sync import __version__
from fairmind_sync.storage import schema

CHECKOUT = Path(__file__).parents[2]
SAVE = """
import fairmind_sync, pathlib
from fairmind_sync import bias_test_results
from fairmind_sync.storage import schema
bias_test_results.save_test_result_sync("t", None, "m", None, "ml_bias", {"accuracy": 1})
print(pathlib.Path(fairmind_sync.__file__).parent)
print(schema.migrations_directory())
"""
FIVE_CALLS = """
import asyncio
from fairmind_sync import bias_test_results as service

async def use():
    results = {"overall_risk": "low", "metrics_passed": 3, "metrics_failed": 1}
    print(await service.save_test_result("t", "u", "m", None, "ml_bias", results))
    print((await service.get_test_result("t", "u"))["overall_risk"])
    print([one["id"] for one in await service.list_test_results("u", model_id="m")])
    print((await service.get_test_statistics("u"))["pass_rate"])
    print(await service.delete_test_result("t", "u"))
    print(await service.get_test_result("t", "u"))

asyncio.run(use())
"""


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    """The package's source, as an index would take it."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist"]
    subprocess.run([*build, "--directory", str(tmp_path)], cwd=CHECKOUT, check=True, timeout=240)
    (built,) = tmp_path.glob("*.tar.gz")
    return built


def run_installed(site: Path, script: str, place: Path) -> str:
    """What the script prints, run away from the checkout."""
    env = {name: value for name, value in os.environ.items() if "COVERAGE" not in name} | {
        "PYTHONPATH": str(site),
        "MLOPS_PROVIDER": "both",
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{place / 'results.db'}",
    }
    return subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        cwd=place,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    ).stdout


def test_the_wheel_holds_the_package_its_migrations_and_its_messages_and_nothing_else(
    wheel: Path,
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        carried = {"fairmind_sync/migrations/env.py", "fairmind_sync/messages.md"}
        is_complete = carried <= {*archive.namelist()}
    expected = {"fairmind_sync", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    assert (tops, is_complete) == (expected, True)


def test_the_wheel_carries_its_licence_and_its_readme(wheel: Path) -> None:
    info = wheel.name.rsplit("-", 3)[0] + ".dist-info"
    with zipfile.ZipFile(wheel) as archive:
        about = archive.read(f"{info}/METADATA").decode()
        licence = archive.read(f"{info}/licenses/daemon/LICENSE").decode()
    assert "\nLicense-Expression: MIT\nLicense-File: daemon/LICENSE\n" in about
    assert licence.startswith("MIT License\n")
    assert about.endswith((CHECKOUT / "README.md").read_text(encoding="utf-8"))


def test_the_source_holds_what_a_wheel_is_built_from_and_its_documents(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"pyproject.toml", "README.md", "alembic.ini", "migrations/env.py"}
    documents = {"daemon/LICENSE", "daemon/CHANGELOG.md", "daemon/docs/README.md"}
    assert needed | documents | {"daemon/fairmind_sync/__init__.py"} <= names


def test_an_index_would_take_wheel_and_source(wheel: Path, sdist: Path) -> None:
    check = [sys.executable, "-m", "twine", "--no-color", "check", "--strict"]
    checked = subprocess.run(
        [*check, str(wheel), str(sdist)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (checked.returncode, checked.stdout.count("PASSED")) == (0, 2), checked.stdout


def test_the_changelog_tells_of_this_version() -> None:
    text = (CHECKOUT / "daemon" / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)$", text, re.MULTILINE)


def test_the_wheel_creates_its_database_without_the_checkout(
    installed_wheel: Path, tmp_path: Path
) -> None:
    package = installed_wheel / "fairmind_sync"
    ran = run_installed(installed_wheel, SAVE, tmp_path)
    assert ran.split() == [str(package), str(package / "migrations")]


def test_the_calls_of_fairminds_own_service_work_from_the_wheel(
    installed_wheel: Path, tmp_path: Path
) -> None:
    assert run_installed(installed_wheel, FIVE_CALLS, tmp_path).split() == [
        "True",
        "low",
        "['t']",
        "75.0",
        "True",
        "None",
    ]


def test_the_page_is_in_the_wheel(installed_wheel: Path) -> None:
    api = installed_wheel / "fairmind_sync" / "api"
    names = {file.name for file in (*api.glob("templates/*"), *api.glob("static/*"))}
    assert {"overview.html", "page.css", "page.js"} <= names


def test_the_checkout_uses_its_own_migrations() -> None:
    assert schema.migrations_directory() == CHECKOUT / "migrations"


def test_there_is_no_importable_package_called_daemon() -> None:
    assert not (CHECKOUT / "daemon" / "__init__.py").exists()
