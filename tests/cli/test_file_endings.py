"""A file whose name promises another format than what would be written is refused before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.support.deliveries import save
from tests.support.processes import command


@pytest.fixture
def env(engine: Engine) -> dict[str, str]:
    save(engine, test_id="one")
    return {"FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string()}


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (
            ["results", "export", "-o", "all.xlsx"],
            ".xlsx, which can't be written: give a name that ends with .csv, .jsonl or .json, or --format",
        ),
        (
            ["report", "one", "-o", "one.PDF"],
            "ends with .PDF, which can't be written: give a name that ends with .html or .htm",
        ),
    ],
    ids=["export", "report"],
)
def test_an_unknown_ending_is_refused_and_nothing_is_written(
    env: dict[str, str], tmp_path: Path, verb: list[str], told: str
) -> None:
    there = {*tmp_path.iterdir()}
    ended = command(*verb, env=env, check=False)
    said = " ".join(ended.stderr.replace("│", "").split())
    assert (ended.returncode, told in said) == (2, True), said
    assert {*tmp_path.iterdir()} == there


@pytest.mark.parametrize(
    ("verb", "begins"),
    [
        (["results", "export", "-o", "all.JSON"], '{"id": "one"'),
        (["results", "export", "-o", "all.Csv"], "id,user,"),
        (["results", "export", "-o", "all"], "id,user,"),
        (["results", "export", "-o", "all.tmp", "--format", "jsonl"], '{"id": "one"'),
        (["report", "one", "-o", "one.HTM"], "<!doctype html>"),
        (["report", "one", "-o", "one"], "<!doctype html>"),
    ],
    ids=lambda it: it[-1] if isinstance(it, list) else "",
)
def test_a_known_ending_in_any_case_or_none_is_written(
    env: dict[str, str], tmp_path: Path, verb: list[str], begins: str
) -> None:
    command(*verb, env=env)
    written = tmp_path / verb[verb.index("-o") + 1]
    assert written.read_text(encoding="utf-8").lower().startswith(begins)
