"""The documents say what is there: verbs, variables, endpoints, files and links; and their snippets run."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from fairmind_sync import bias_test_results, mlops_integration
from fairmind_sync.api import create_app
from fairmind_sync.cli import app
from fairmind_sync.results.states import BLOCKED, OFFLINE, READY, STATUSES
from fairmind_sync.settings import Settings
from tests.support.documents import (
    CHECKOUT,
    CODE,
    DOCS,
    anchors,
    documents,
    name_of,
    prose,
    python_snippets,
)
from tests.support.variables import variables

SETTINGS = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
VERBS = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
REST = (DOCS / "reference" / "rest.md").read_text(encoding="utf-8")
ARCHITECTURE = (DOCS / "ARCHITECTURE.md").read_text(encoding="utf-8")
BACKEND = (DOCS / "guides" / "fairmind-backend.md").read_text(encoding="utf-8")
DECISIONS = sorted((DOCS / "decisions").glob("2*.md"))
TEXTS = {name_of(document): document.read_text(encoding="utf-8") for document in documents()}
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
MOST_LINES_IN_ONE_SITTING, MOST_CHARACTERS = 250, 120
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def verbs() -> list[str]:
    """Every verb, sub-verbs with their parent's name."""
    found = []
    for name, verb in typer.main.get_group(app).commands.items():
        below = getattr(verb, "commands", None)
        found += [f"{name} {part}" for part in below] if below else [name]
    return found


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_is_in_the_reference(verb: str) -> None:
    assert f"`fairmind-sync {verb}" in VERBS


@pytest.mark.parametrize("verb", verbs())
def test_every_verbs_json_is_in_the_reference(verb: str) -> None:
    told = re.findall(
        r"^\| (`.*?`) \| `?[{\[l]", VERBS.split("## What verbs print")[1], re.MULTILINE
    )
    assert verb in [name.strip("`") for cell in told for name in cell.split(", ")]


@pytest.mark.parametrize("variable", variables())
def test_every_variable_is_in_the_reference(variable: str) -> None:
    assert f"| `{variable}` |" in SETTINGS


def test_the_defaults_in_the_reference_are_the_settings() -> None:
    defaults = {
        str(field.validation_alias): str(field.default)
        for field in Settings.model_fields.values()
        if field.default not in (None, ()) and field.default_factory is None
    }
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", SETTINGS, re.MULTILINE))
    said = {name: documented[name] for name in defaults}
    assert said == {name: default.removesuffix(".0") for name, default in defaults.items()}


def test_every_endpoint_is_in_the_reference(configured: Settings) -> None:
    paths = create_app(configured).openapi()["paths"]
    missing = [
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if f"`{method.upper()} {path}`" not in REST
    ]
    assert missing == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
class TestEachDocument:
    def test_it_begins_with_a_sentence_of_what_it_is_for(self, text: str) -> None:
        title, blank, first = text.splitlines()[:3]
        assert title.startswith(("# ", "## "))
        assert (blank, bool(re.match(r"[A-Z<]", first))) == ("", True)

    def test_it_names_no_variable_that_is_not_read(self, text: str) -> None:
        assert set(re.findall(r"FAIRMIND_SYNC_\w+", text)) <= set(variables())

    def test_it_names_no_verb_that_is_not_there(self, text: str) -> None:
        named = re.findall(r"(?:`|^|\n)fairmind-sync ((?:db )?[a-z]+)\b", text)
        assert set(named) <= {*verbs(), "db"}

    def test_it_names_no_task_that_is_not_there(self, text: str) -> None:
        named = re.findall(r"`task ([a-z]+)", text)
        assert set(named) <= set(PROJECT["tool"]["taskipy"]["tasks"])

    def test_it_calls_nothing_that_is_not_there(self, text: str) -> None:
        for module in (bias_test_results, mlops_integration):
            name = module.__name__.rsplit(".", 1)[-1]
            called = re.findall(rf"\b{name}\.(\w+)\(", text)
            assert [call for call in called if not callable(getattr(module, call, None))] == []

    def test_each_file_that_it_names_exists(self, text: str) -> None:
        named = re.findall(r"(?<![\w*/.])((?:[\w.*]+/)*[\w*]+\.py)\b", text)
        assert [file for file in named if not exists(file)] == []

    def test_each_test_that_it_names_exists(self, text: str) -> None:
        named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", text)
        missing = [
            test for file, test in named if f"def {test}(" not in (CHECKOUT / file).read_text()
        ]
        assert missing == []


def exists(file: str) -> bool:
    """Whether there is such a file in the checkout or in the package."""
    return any(True for root in (CHECKOUT, CODE) for _ in root.glob(file))


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_each_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(prose(TEXTS[name_of(document)])):
        page = document.parent / target if target else document
        if not page.exists():
            broken.append(target)
        elif anchor and anchor not in anchors(page.read_text(encoding="utf-8")):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_every_document_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [CHECKOUT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            text = prose(page.read_text(encoding="utf-8"))
            ahead += [page.parent / target for target, _ in LINK.findall(text) if target]
    forms = CHECKOUT / ".github" / "PULL_REQUEST_TEMPLATE.md"
    unreached = {page.resolve() for page in documents()} - reached - {forms.resolve()}
    assert unreached == set()


def python_of_all() -> list[tuple[str, str]]:
    return [(name, snippet) for name, text in TEXTS.items() for snippet in python_snippets(text)]


@pytest.mark.parametrize("snippet", [code for _, code in python_of_all()])
def test_each_python_snippet_runs(snippet: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_backends_guide_has_its_snippets() -> None:
    assert len(python_snippets(BACKEND)) == 3


class TestArchitecture:
    def test_it_is_read_in_one_sitting(self) -> None:
        assert len(ARCHITECTURE.splitlines()) <= MOST_LINES_IN_ONE_SITTING
        assert max(map(len, ARCHITECTURE.splitlines())) <= MOST_CHARACTERS

    def test_its_tiers_are_those_of_the_import_contract(self) -> None:
        house = ARCHITECTURE.split("## The house")[1].split("\n## ")[0]
        rows = re.findall(r"^\| (`.*?`) \| ", house, re.MULTILINE)
        told = [re.findall(r"`(\w+)`", row) for row in rows]
        contracts = PROJECT["tool"]["importlinter"]["contracts"]
        (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
        assert told == [layer.split(" | ") for layer in layers]

    def test_its_diagrams_hold_the_states_that_are_stored(self) -> None:
        deliveries, providers = re.findall(
            r"^```mermaid\nstateDiagram-v2\n(.*?)^```", ARCHITECTURE, re.MULTILINE | re.DOTALL
        )
        assert states(deliveries) == {*STATUSES, "leased"}
        assert states(providers) == {READY, OFFLINE, BLOCKED}


def states(diagram: str) -> set[str]:
    edges = re.findall(r"^ *(\S+) --> (\w+)", diagram, re.MULTILINE)
    return {state for edge in edges for state in edge} - {"[*]"}


@pytest.mark.parametrize("record", DECISIONS, ids=lambda record: record.stem)
def test_each_decision_is_one_page_of_four_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Why",
        "What would make us revisit it",
    ]
    assert f"A decision of {record.name[:10]}:" in text


def test_the_package_tells_its_licence_and_its_readme() -> None:
    project = PROJECT["project"]
    (licence,) = project["license-files"]
    assert project["license"] == "MIT"
    assert (CHECKOUT / licence).read_text(encoding="utf-8").startswith("MIT License\n")
    assert project["readme"] == "README.md"
