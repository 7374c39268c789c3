"""The alert rules: Prometheus takes them, they fire when they should, and each says what to do next."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from fairmind_sync.settings import Settings
from tests.support.documents import CHECKOUT
from tests.support.variables import variables
from tests.system.deploy.conftest import Promtool
from tests.system.deploy.exposed import exposed, strangers_in
from tests.system.test_docs import verbs

RULES = CHECKOUT / "daemon" / "deploy" / "prometheus-alerts.yml"
(GROUP,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUP["rules"]}
CASES = yaml.safe_load(Path(__file__).with_name("alerts.test.yml").read_text(encoding="utf-8"))
TRIED = {
    (test["alertname"], bool(test["exp_alerts"]))
    for case in CASES["tests"]
    for test in case["alert_rule_test"]
}


def test_prometheus_takes_the_rules(promtool: Promtool) -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert checked.returncode == 0, checked.stderr


def test_the_rules_ask_for_what_is_exposed(configured: Settings, engine: Engine) -> None:
    metrics = exposed(configured, engine)
    found = {name: [*strangers_in(rule["expr"], metrics)] for name, rule in ALERTS.items()}
    assert {name: strangers for name, strangers in found.items() if strangers} == {}


@pytest.mark.parametrize("case", CASES["tests"], ids=lambda case: case["name"])
def test_an_alert_fires_when_it_should(
    promtool: Promtool, tmp_path: Path, case: dict[str, Any]
) -> None:
    """promtool compares all annotations: the rules' copy has only their summaries."""
    rules = [
        rule | {"annotations": {"summary": rule["annotations"]["summary"]}}
        for rule in ALERTS.values()
    ]
    group = {"name": GROUP["name"], "rules": rules}
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump({"groups": [group]}))
    (tmp_path / "test.yml").write_text(yaml.safe_dump({**CASES, "tests": [case]}))
    tested = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_seen_to_fire_and_not_to_fire(alert: str) -> None:
    assert {(alert, True), (alert, False)} <= TRIED


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_names_the_next_command_or_what_else_to_do(alert: str) -> None:
    told = ALERTS[alert]["annotations"]["description"]
    named = re.findall(r"'fairmind-sync ((?:db )?[a-z]+)", told)
    assert named, told
    assert [verb for verb in named if verb not in verbs()] == []


def test_the_variables_that_alerts_name_are_read() -> None:
    named = re.findall(r"FAIRMIND_SYNC_\w+", RULES.read_text(encoding="utf-8"))
    assert {*named} <= {*variables()}


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_how_urgent_it_is(alert: str) -> None:
    assert ALERTS[alert]["labels"]["severity"] in {"critical", "warning", "info"}
