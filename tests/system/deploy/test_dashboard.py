"""The Grafana dashboard: it asks for what /metrics has, and its panels have room."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from fairmind_sync.settings import Settings
from tests.support.documents import CHECKOUT
from tests.system.deploy.conftest import Promtool
from tests.system.deploy.exposed import exposed, strangers_in

DASHBOARD: dict[str, Any] = json.loads(
    (CHECKOUT / "daemon" / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8")
)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
VARIABLES: dict[str, dict[str, Any]] = {
    variable["name"]: variable for variable in DASHBOARD["templating"]["list"]
}
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
WIDTH = 24
ANSWERS = {
    "backlog_limit",
    "oldest_pending_seconds",
    'outcome="delivered"',
    "delivery_seconds_bucket",
    "by (provider, outcome, error_kind)",
    'status="dead"',
    "provider_state",
    "provider_paused",
    "daemons_alive",
    "saves_refused_total",
}
"""What somebody on call wants to see, by what the expression for it holds."""


def filled(expression: str) -> str:
    """The expression as Grafana sends it."""
    for name, value in {"$__rate_interval": "5m", "$job": ".+", "$provider": ".+"}.items():
        expression = expression.replace(name, value)
    return expression


def test_the_panels_ask_for_what_is_exposed(configured: Settings, engine: Engine) -> None:
    metrics = exposed(configured, engine)
    found = {expr: [*strangers_in(expr, metrics)] for expr in EXPRESSIONS}
    assert {expr: strangers for expr, strangers in found.items() if strangers} == {}


def test_the_variables_ask_for_what_is_exposed(configured: Settings, engine: Engine) -> None:
    metrics = exposed(configured, engine)
    queries = [VARIABLES[name]["definition"] for name in ("job", "provider")]
    assert [[*strangers_in(query, metrics)] for query in queries] == [[], []]


def test_prometheus_understands_each_expression(promtool: Promtool, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": filled(expr)}
        for number, expr in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = promtool("check", "rules", str(file))
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("part", sorted(ANSWERS))
def test_what_somebody_on_call_asks_is_answered(part: str) -> None:
    assert any(part in expr for expr in EXPRESSIONS)


def test_no_two_panels_share_an_id() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert sorted(ids) == sorted({*ids})


def test_no_two_panels_overlap() -> None:
    places = {panel["title"]: cells(panel["gridPos"]) for panel in PANELS}
    assert [pair for pair in combinations(places, 2) if places[pair[0]] & places[pair[1]]] == []


def cells(place: dict[str, int]) -> set[tuple[int, int]]:
    columns = range(place["x"], place["x"] + place["w"])
    rows = range(place["y"], place["y"] + place["h"])
    assert columns.stop <= WIDTH
    return {(x, y) for x in columns for y in rows}


def test_whoever_imports_it_chooses_the_data_source() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    queries = [variable for variable in VARIABLES.values() if variable["type"] == "query"]
    asked = [*queries, *PANELS, *(target for panel in PANELS for target in panel["targets"])]
    assert [one["datasource"] for one in asked] == [chosen] * len(asked)
    assert (VARIABLES["datasource"]["type"], VARIABLES["datasource"]["query"]) == (
        "datasource",
        "prometheus",
    )


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_each_variable_is_used(name: str) -> None:
    text = json.dumps(PANELS)
    assert f'"${name}\\"' in text or f"${{{name}}}" in text


def test_each_panel_says_what_it_shows() -> None:
    assert [panel["title"] for panel in PANELS if not panel["description"].endswith(".")] == []
