"""What the oldest versions that pyproject.toml allows have to do, and that it bounds each package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fairmind_sync.settings import Settings, load_settings
from tests.support.variables import variables
from tests.versions.requirements import requirements

REQUIREMENTS = requirements()
BACKENDS_OWN = {name.upper(): "a-backend's-own" for name in Settings.model_fields} | {
    "DATABASE_URL": "mysql://fairmind"
}
"""A field's name is a variable that a backend may use; it is ours only with FAIRMIND_SYNC_ before it."""


def not_ours() -> dict[str, str]:
    """Without those of W&B and MLflow, which are called as our fields are."""
    return {name: text for name, text in BACKENDS_OWN.items() if name not in variables()}


@pytest.mark.parametrize("required", REQUIREMENTS, ids=lambda required: required.name)
def test_a_package_is_bounded_below_and_above(required: Requirement) -> None:
    assert {"<", ">="} <= {bound.operator for bound in required.specifier}


@pytest.mark.parametrize("required", REQUIREMENTS, ids=lambda required: required.name)
def test_what_is_installed_lies_within_the_bounds(required: Requirement) -> None:
    try:
        installed = version(required.name)
    except PackageNotFoundError:
        pytest.skip(f"{required.name} is not installed")
    assert required.specifier.contains(installed, prereleases=True)


def test_a_backends_own_variables_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    for name, text in not_ours().items():
        monkeypatch.setenv(name, text)
    assert load_settings() == before


def test_a_backends_own_env_file_is_not_ours() -> None:
    """A library that reads settings may take its lines."""
    before = load_settings().model_dump()
    lines = [f"{name}={text}" for name, text in not_ours().items()]
    Path(".env").write_text("\n".join(lines), encoding="utf-8")
    assert load_settings().model_dump() == before


def test_the_backends_variables_of_this_test_are_those_of_a_fairmind() -> None:
    assert {"DATABASE_URL", "LOG_LEVEL", "PROVIDER", "API_TOKEN", "API_PORT"} <= {*not_ours()}
