"""The page on monitoring names each metric that is exposed, with its labels, and each reason of a refusal."""

from __future__ import annotations

import re

from sqlalchemy import Engine

from fairmind_sync.api import refusals
from fairmind_sync.settings import Settings
from tests.support.documents import DOCS
from tests.system.deploy.exposed import exposed

PAGE = (DOCS / "guides" / "monitoring.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`fairmind_sync_[^|]*)\|([^|]*)\|", PAGE, re.MULTILINE)


def words(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_the_page_has_each_metric_with_its_labels(configured: Settings, engine: Engine) -> None:
    told = {name: {*words(labels)} for names, labels in ROWS for name in words(names)}
    found: dict[str, set[str]] = {}
    for sample, labels in exposed(configured, engine).items():
        if not sample.endswith("_created"):
            name = re.sub(r"_(bucket|sum|count)$", "", sample)
            found.setdefault(name, set()).update(labels)
    assert told == found


def test_the_page_has_each_reason_of_a_refusal() -> None:
    told = PAGE.split("A save is refused")[1].split("A connection")[0]
    assert {*words(told)} == {*refusals.REASONS}
