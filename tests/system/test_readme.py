"""The README says what is there, and its snippets run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from fairmind_sync import mlops_integration
from fairmind_sync.api import create_app
from fairmind_sync.cli import app
from fairmind_sync.settings import Settings
from tests.support.variables import variables

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def verbs() -> list[str]:
    """Every verb, sub-verbs with their parent's name."""
    found = []
    for name, verb in typer.main.get_group(app).commands.items():
        below = getattr(verb, "commands", None)
        found += [f"{name} {part}" for part in below] if below else [name]
    return found


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_is_in_the_readme(verb: str) -> None:
    assert f"`fairmind-sync {verb}" in README


@pytest.mark.parametrize("variable", variables())
def test_every_variable_is_in_the_readme(variable: str) -> None:
    assert f"| `{variable}` |" in README


def test_the_readme_names_no_variable_that_is_not_read() -> None:
    named = set(re.findall(r"FAIRMIND_SYNC_\w+", README))
    assert named <= set(variables())


def test_the_defaults_in_the_readme_are_the_settings() -> None:
    defaults = {
        str(field.validation_alias): str(field.default)
        for field in Settings.model_fields.values()
        if field.default not in (None, ()) and field.default_factory is None
    }
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", README, re.MULTILINE))
    said = {name: documented[name] for name in defaults}
    assert said == {name: default.removesuffix(".0") for name, default in defaults.items()}


def test_every_endpoint_is_in_the_readme(configured: Settings) -> None:
    paths = create_app(configured).openapi()["paths"]
    missing = [
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if f"`{method.upper()} {path}`" not in README
    ]
    assert missing == []


def test_the_first_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_PROVIDER", "mlflow")
    snippet = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]
    ran = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "None\n"  # no daemon is running here


def test_the_first_screen_holds_exactly_the_two_commands() -> None:
    first_screen = README.split("## How it works")[0]
    assert len(re.findall(r"^```bash\n.*\n```", first_screen, re.MULTILINE)) == 2


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert [target for target in targets if not (CHECKOUT / target).exists()] == []


@pytest.mark.parametrize("call", re.findall(r"mlops_integration\.(\w+)\(", README))
def test_the_calls_of_the_readme_exist(call: str) -> None:
    assert callable(getattr(mlops_integration, call))
