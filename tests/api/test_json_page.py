"""The page on JSON names each shape that the REST API has, with its fields."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fairmind_sync.api import create_app
from fairmind_sync.settings import Settings
from tests.support.documents import DOCS

PAGE = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([A-Z]\w+)` \| (.*?) \| ", PAGE, re.MULTILINE))


@pytest.fixture
def shapes(configured: Settings) -> dict[str, Any]:
    return dict(create_app(configured).openapi()["components"]["schemas"])


def fields(row: str) -> set[str]:
    named = set(re.findall(r"`(\w+\??)`", row))
    base = re.match(r"as `(\w+)`", row)
    return named if base is None else named - {base[1]} | fields(ROWS[base[1]])


def test_each_shape_is_told_with_its_fields(shapes: dict[str, Any]) -> None:
    expected = {
        name: {
            f"{field}?" if {"type": "null"} in about.get("anyOf", []) else field
            for field, about in shape["properties"].items()
        }
        for name, shape in shapes.items()
    }
    assert {name: fields(row) for name, row in ROWS.items()} == expected
