"""The wheel: what is in it, and that it works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fairmind_sync import schema

CHECKOUT = Path(__file__).parents[1]
SAVE = """
import fairmind_sync, pathlib
from fairmind_sync import bias_test_results, schema
bias_test_results.save_test_result_sync("t", None, "m", None, "ml_bias", {"accuracy": 1})
print(pathlib.Path(fairmind_sync.__file__).parent)
print(schema.migrations_directory())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what the build needs, so that the checkout stays clean."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(place), str(CHECKOUT)], check=True, timeout=120)
    (built,) = place.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_its_migrations_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        has_migrations = "fairmind_sync/migrations/env.py" in archive.namelist()
    expected = {"fairmind_sync", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    assert (tops, has_migrations) == (expected, True)


def test_the_wheel_creates_its_database_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    env = {name: value for name, value in os.environ.items() if "COVERAGE" not in name} | {
        "PYTHONPATH": str(tmp_path / "site"),
        "MLOPS_PROVIDER": "both",
        "FAIRMIND_SYNC_DATABASE_URL": f"sqlite:///{tmp_path / 'results.db'}",
    }
    ran = subprocess.run(
        [sys.executable, "-c", SAVE],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    package = tmp_path / "site" / "fairmind_sync"
    assert ran.stdout.split() == [str(package), str(package / "migrations")]


def test_the_checkout_uses_its_own_migrations() -> None:
    assert schema.migrations_directory() == CHECKOUT / "migrations"


def test_there_is_no_importable_package_called_daemon() -> None:
    assert not (CHECKOUT / "daemon" / "__init__.py").exists()
