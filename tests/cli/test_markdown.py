"""Listings as Markdown's tables, and the verbs that print them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from fairmind_sync.cli.listing import Column, Listing
from fairmind_sync.cli.markdown import table_lines
from tests.support.deliveries import delivered
from tests.support.processes import command


def test_a_listing_is_a_table_with_a_rule_and_a_line_for_each_row() -> None:
    columns = [
        Column("test", lambda row: row[0]),
        Column("size", lambda row: row[1], is_number=True),
    ]
    assert [*table_lines(Listing(columns, [("one", 1), ("two", None)]))] == [
        "| test | size |",
        "| --- | ---: |",
        "| one | 1 |",
        "| two |  |",
    ]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x> [x](y) `c` *d* e_f", r"\<img src=x\> \[x\](y) \`c\` \*d\* e\_f"),
        ("a\nb", r"a\\nb"),
        ("https://e.example/a_b|c>d", "<https://e.example/a_b%7Cc%3Ed>"),
    ],
)
def test_a_cell_is_text_or_a_link_and_ends_no_cell(cell: str, written: str) -> None:
    *_, line = table_lines(Listing([Column("said", lambda row: row)], [cell]))
    assert line == f"| {written} |"


@pytest.mark.parametrize("verb", [["runs"], ["results", "list"]], ids=" ".join)
def test_a_verb_prints_its_listing_as_a_table(engine: Engine, verb: list[str]) -> None:
    test_id = delivered(engine).result.test_id
    env = {"FAIRMIND_SYNC_DATABASE_URL": engine.url.render_as_string()}
    header, rule, line = command(*verb, "--markdown", env=env).stdout.splitlines()
    assert header.count("|") == rule.count("|") == line.count("|")
    assert test_id.replace("_", r"\_") in line
