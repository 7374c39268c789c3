"""A variable that is named as ours, and that nothing reads, is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fairmind_sync.daemon import process
from fairmind_sync.settings import load_settings
from fairmind_sync.unknown_variables import unknown_variables
from tests.test_settings import SET


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FAIRMIND_SYNC_PORT", "FAIRMIND_SYNC_API_PORT"),
        ("FAIRMIND_SYNC_WEBHOOK_RSK", "FAIRMIND_SYNC_WEBHOOK_RISK"),
        ("FAIRMIND_SYNC_REDCAT", "FAIRMIND_SYNC_REDACT"),
        ("fairmind_sync_redacts", "FAIRMIND_SYNC_REDACT"),
        ("FAIRMIND_SYNC_ENVFILE", "FAIRMIND_SYNC_ENV_FILE"),
    ],
)
def test_a_misspelt_variable_is_told_with_the_one_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "secret")
    assert unknown_variables(None) == [f"{name.upper()}; did you mean {meant}?"]


def test_a_variable_like_none_is_told_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_XYZZY", "1")
    assert unknown_variables(None) == ["FAIRMIND_SYNC_XYZZY"]


def test_a_misspelt_variable_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FAIRMIND_SYNC_REDCT=a.b\nREDACT=c\n")
    told = ["FAIRMIND_SYNC_REDCT; did you mean FAIRMIND_SYNC_REDACT?"]
    assert unknown_variables(tmp_path / ".env") == told


def test_a_file_that_is_gone_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_XYZZY", "1")
    assert unknown_variables(tmp_path / "gone") == ["FAIRMIND_SYNC_XYZZY"]


def test_each_variable_that_is_read_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _, value, _ in SET:
        monkeypatch.setenv(name, str(value))
    assert unknown_variables(None) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FAIRMIND_SYNC_PORT", "tcp://10.0.0.1:8000"),
        ("FAIRMIND_SYNC_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("FAIRMIND_SYNC_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("FAIRMIND_SYNC_SERVICE_HOST", "10.0.0.1"),
        ("FAIRMIND_SYNC_API_SERVICE_PORT_HTTP", "8000"),
    ],
)
def test_what_kubernetes_sets_for_a_service_is_nobody_s_mistake(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert unknown_variables(None) == []


def test_a_daemon_warns_once_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_SYNC_WEBHOOK_RSK", "low")
    monkeypatch.setenv("FAIRMIND_SYNC_REDCAT", "a.b")
    with capture_logs() as logs:
        process._tell_where_from(load_settings())
    (warned,) = [one for one in logs if one["log_level"] == "warning"]
    assert (warned["event"], len(warned["variables"])) == ("setting.unknown", 2)
