"""The page on metrics tells of each metric what is true of it, and names no other."""

from __future__ import annotations

import re
from datetime import timedelta

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from fairmind_sync.api import refusals
from fairmind_sync.outbox import counters
from fairmind_sync.storage.engine import writing
from tests.support.deliveries import delivered
from tests.support.documents import DOCS

PAGE = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
_OF_A_HISTOGRAM = "le"


def answered(client: TestClient) -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each metric; counters by the name that a query uses."""
    found = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        if family.name.endswith("_created"):
            continue  # when a counter began: the client library's own
        labels = {label for sample in family.samples for label in sample.labels}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, labels - {_OF_A_HISTOGRAM})
    return found


def told() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(fairmind_sync_\w+)` \| (\w+) \| (.*?) ?\| ", PAGE, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_each_metric_is_told_with_its_type_and_labels(client: TestClient, engine: Engine) -> None:
    delivered(engine)
    with writing(engine) as connection:
        counters.count_latency(connection, "mlflow", timedelta(seconds=1))
    assert told() == answered(client)


def test_each_reason_of_a_refused_save_is_told() -> None:
    reasons = PAGE.split("A save is refused")[1].split("A connection")[0]
    assert set(re.findall(r"`(\w+)`", reasons)) == {*refusals.REASONS}


def test_each_query_is_of_a_metric_that_is_there(client: TestClient, engine: Engine) -> None:
    asked = set(re.findall(r"\bfairmind_sync_\w+", PAGE.split("## What to watch")[1]))
    assert {name.removesuffix("_bucket") for name in asked} - set(told()) == set()
