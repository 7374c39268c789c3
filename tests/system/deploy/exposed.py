"""What /metrics exposes, and whether a PromQL expression asks for nothing else."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypeAlias

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from fairmind_sync.outbox import counters
from fairmind_sync.providers.base import Dead
from fairmind_sync.relay.loop import Relay
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.settings import Settings
from fairmind_sync.storage.engine import writing
from fairmind_sync.testing import FakeProvider
from tests.api.test_endpoints import client_of
from tests.support.deliveries import save

Exposed: TypeAlias = Mapping[str, Mapping[str, set[str]]]
"""The values of each label of each metric."""
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus adds."""
_SELECTOR = re.compile(r"\b(fairmind_sync_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")


def exposed(configured: Settings, engine: Engine) -> Exposed:
    """What is exposed once a delivery succeeded and another died."""
    for _ in range(2):
        save(engine, "mlflow")
    provider = FakeProvider(script=[Dead(ErrorKind.REJECTED, "too large")])
    Relay(engine, provider, max_attempts=1).drain()
    with writing(engine) as connection:
        counters.count_latency(connection, "mlflow", timedelta(seconds=1))
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    text = client_of(configured).get("/metrics").text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            of_metric = found[sample.name]
            for label, value in sample.labels.items():
                of_metric[label].add(value)
    return found


def strangers_in(expression: str, metrics: Exposed) -> Iterator[str]:
    """Yields what the expression names and nothing exposes: metrics, labels, and values of labels."""
    labels = set(OF_THE_SCRAPE)
    for metric, matchers in _SELECTOR.findall(expression):
        if metric not in metrics:
            yield metric
            continue
        labels |= metrics[metric].keys()
        for label, operator, wanted in _MATCHER.findall(matchers):
            if label in OF_THE_SCRAPE or "$" in wanted:
                continue
            values = wanted.split("|") if operator == "=~" else [wanted]
            known = metrics[metric].get(label, set())
            yield from (f"{metric} {label}={one}" for one in values if one not in known)
    for group in _GROUPING.findall(expression):
        yield from (label for label in re.split(r"[\s,]+", group) if label not in labels)
