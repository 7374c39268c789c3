"""The documents say what is there: verbs, variables, endpoints, files and links; and their snippets run."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

from fairmind_sync import env_file
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
TEXTS = {name_of(document): document.read_text(encoding="utf-8") for document in documents()}
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
OTHERS_OWN = {
    ("daemon/docs/guides/github-actions.md", "bias_tests.py"),
    ("daemon/docs/guides/fairmind-backend.md", "services/bias_test_results.py"),
    ("daemon/docs/guides/fairmind-backend.md", "services/mlops_integration.py"),
}
"""What a backend or a CI job has, and we have not."""
MOST_LINES_IN_ONE_SITTING, MOST_CHARACTERS = 250, 120
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def verbs() -> list[str]:
    """Every verb, sub-verbs with their parent's name."""
    every = []
    for name, verb in typer.main.get_group(app).commands.items():
        below = getattr(verb, "commands", None)
        every += [f"{name} {part}" for part in below] if below else [name]
    return every


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
        str(field.validation_alias): _as_written(field.default)
        for field in Settings.model_fields.values()
        if field.default not in (None, ()) and field.default_factory is None
    }
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", SETTINGS, re.MULTILINE))
    said = {name: documented[name] for name in defaults}
    assert said == defaults


def _as_written(default: object) -> str:
    if isinstance(default, timedelta):
        return f"{default // timedelta(minutes=1)}m"
    return str(default).lower() if isinstance(default, bool) else str(default).removesuffix(".0")


def test_every_endpoint_is_in_the_reference(configured: Settings) -> None:
    paths = create_app(configured).openapi()["paths"]
    missing = [
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if f"`{method.upper()} {path}`" not in REST
    ]
    assert missing == []


def found(pattern: str) -> set[tuple[str, str]]:
    """Each document's name with what it holds of the pattern's first group."""
    return {
        (name, match[1])
        for name, text in TEXTS.items()
        for match in re.finditer(pattern, text, re.MULTILINE)
    }


def strangers(pattern: str, known: Iterable[str]) -> set[tuple[str, str]]:
    """What documents name that is not known."""
    known = set(known)
    return {(name, word) for name, word in found(pattern) if word not in known}


def test_each_document_begins_with_a_sentence_of_what_it_is_for() -> None:
    begun = {name for name, _ in found(r"\A#{1,2} .+\n\n([A-Z<])")}
    assert set(TEXTS) - begun == set()


def test_no_document_names_a_variable_that_is_not_read() -> None:
    assert strangers(r"(FAIRMIND_SYNC_\w+)", {*variables(), env_file.VARIABLE}) == set()


def test_no_document_names_a_verb_that_is_not_there() -> None:
    known = {*verbs(), "bundle", "db", "results", "webhook"}
    assert (
        strangers(
            r"(?:`|^)fairmind-sync ((?:(?:bundle|db|results|webhook) )?[a-z][a-z-]*)\b", known
        )
        == set()
    )


def test_no_document_names_a_task_that_is_not_there() -> None:
    assert strangers(r"`task ([a-z-]+)", PROJECT["tool"]["taskipy"]["tasks"]) == set()


@pytest.mark.parametrize("module", ["bias_test_results", "mlops_integration"])
def test_no_document_calls_what_is_not_there(module: str) -> None:
    calls = dir(import_module(f"fairmind_sync.{module}"))
    assert strangers(rf"\b{module}\.(\w+)\(", calls) == set()


def test_each_file_that_a_document_names_exists() -> None:
    named = found(r"(?<![\w*/.])((?:[\w.*]+/)*[\w*]+\.py)\b")
    assert {(name, file) for name, file in named if not exists(file)} == OTHERS_OWN


def exists(file: str) -> bool:
    """Whether there is such a file in the checkout or in the package."""
    return any(True for root in (CHECKOUT, CODE) for _ in root.glob(file))


def test_each_test_that_a_document_names_exists() -> None:
    named = [test.split("::") for _, test in found(r"(tests/[\w/]+\.py::\w+)")]
    missing = [test for file, test in named if f"def {test}(" not in (CHECKOUT / file).read_text()]
    assert (len(named) > 0, missing) == (True, [])


def links(document: Path) -> list[tuple[str, str]]:
    """Page and heading of each link that stays in the checkout."""
    return LINK.findall(prose(document.read_text(encoding="utf-8")))


def test_each_link_leads_somewhere() -> None:
    broken = [
        (name_of(document), target, anchor)
        for document in documents()
        for target, anchor in links(document)
        if not leads_somewhere(document.parent / target if target else document, anchor)
    ]
    assert broken == []


def leads_somewhere(page: Path, anchor: str) -> bool:
    return page.exists() and (not anchor or anchor in anchors(page.read_text(encoding="utf-8")))


def test_every_document_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [CHECKOUT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            ahead += [page.parent / target for target, _ in links(page) if target]
    unreached = {page.resolve() for page in documents()} - reached
    assert [page.name for page in unreached] == ["PULL_REQUEST_TEMPLATE.md"]


def snippets() -> list[str]:
    """Every document's but the README's, which has its own test."""
    texts = [text for name, text in TEXTS.items() if name != "README.md"]
    return [snippet for text in texts for snippet in python_snippets(text)]


@pytest.mark.parametrize("snippet", snippets())
def test_each_python_snippet_runs(snippet: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_backends_guide_has_its_snippets() -> None:
    assert len(python_snippets(BACKEND)) == 4


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


def test_each_decision_is_a_dated_page_of_four_parts() -> None:
    records = sorted((DOCS / "decisions").glob("[!R]*.md"))
    parts = ["Context", "Decision", "Why", "What would make us revisit it"]
    texts = {record.name: record.read_text(encoding="utf-8") for record in records}
    odd = {
        name
        for name, text in texts.items()
        if re.findall(r"^## (.*)", text, re.MULTILINE) != parts
        or f"\nA decision of {name[:10]}:" not in text
    }
    assert (len(records) > 0, odd) == (True, set())
