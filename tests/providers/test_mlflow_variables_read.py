"""MLflow's own variables, and its file of credentials, as a connection reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import tracking_variables as variables
from fairmind_sync.providers.mlflow.tracking_variables import (
    Certificates,
    Credentials,
    NamedPlace,
)

FILE = "[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = hers\n"
INSECURE = "MLFLOW_TRACKING_INSECURE_TLS"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".mlflow").mkdir()
    return tmp_path / ".mlflow" / "credentials"


def blocked(call: object) -> str:
    assert callable(call)
    with pytest.raises(ProviderBlockedError) as refused:
        call()
    return str(refused.value)


def test_without_variables_and_file_there_are_no_credentials(file: Path) -> None:
    assert not file.exists()
    assert variables.credentials() == Credentials("", "", "")


def test_variables_go_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(FILE)
    assert variables.credentials() == Credentials("ann", "hers", "")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
    assert variables.credentials() == Credentials("bob", "hers", "token")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "his")
    assert variables.credentials() == Credentials("bob", "his", "token")


@pytest.mark.parametrize(
    ("written", "meant"), [("a%%b", "a%b"), ("a%b", "a%b"), ("größe", "größe")]
)
def test_a_password_in_the_file_is_read_as_it_is_meant(
    file: Path, written: str, meant: str
) -> None:
    file.write_text(FILE.replace("hers", written), encoding="utf-8")
    assert variables.in_file() == ("ann", meant)


def test_a_file_that_makes_no_sense_is_told_in_one_line(file: Path) -> None:
    file.write_text("no section\nno value\n")
    assert blocked(variables.in_file) == (
        "~/.mlflow/credentials can't be read: File contains no section headers. "
        "Correct the file, or remove it."
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 10.0), ("", 10.0), ("1", 1.0), (" 13 ", 13.0), ("14", 14.0), ("15", 14.0)],
)
def test_a_time_out_is_as_long_as_a_batch_has_time(
    monkeypatch: pytest.MonkeyPatch, text: str | None, seconds: float
) -> None:
    if text is not None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", text)
    assert variables.timeout() == seconds


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon"])
def test_a_time_out_that_makes_no_sense_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", text)
    assert blocked(variables.timeout) == (
        "MLFLOW_HTTP_REQUEST_TIMEOUT must be a whole number of seconds."
    )


@pytest.mark.parametrize(
    ("text", "truth"),
    [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False), ("", False)],
)
def test_a_truth_is_told_in_four_words(
    monkeypatch: pytest.MonkeyPatch, text: str, truth: bool
) -> None:
    monkeypatch.setenv(INSECURE, text)
    assert variables.is_true(INSECURE) is truth


def test_another_word_is_no_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INSECURE, "yes")
    assert blocked(variables.certificates) == f"{INSECURE} must be true or false."


def test_a_workspace_loses_the_white_space_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert variables.workspace() == ""
    monkeypatch.setenv("MLFLOW_WORKSPACE", " team\n")
    assert variables.workspace() == "team"


def place(variable: str, path: str) -> NamedPlace:
    return NamedPlace(variable, Path(path))


def test_whom_a_connection_trusts_is_told_by_its_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert variables.certificates() == Certificates()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/r.pem")
    assert variables.certificates() == Certificates(place("REQUESTS_CA_BUNDLE", "/r.pem"))
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "/s.pem")
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/own.pem")
    own = place("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/own.pem")
    theirs = place("MLFLOW_TRACKING_SERVER_CERT_PATH", "/s.pem")
    assert variables.certificates() == Certificates(theirs, own=own)


def test_an_unchecked_connection_needs_no_authorities(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(INSECURE, "true")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/r.pem")
    assert variables.certificates() == Certificates(are_checked=False)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "/s.pem")
    assert blocked(variables.certificates) == (
        f"{INSECURE} and MLFLOW_TRACKING_SERVER_CERT_PATH contradict each other: unset one."
    )


def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert NamedPlace("V", tmp_path).checked() == tmp_path
    there = tmp_path / "none"
    assert blocked(NamedPlace("V", there).checked) == f"V names {there}, which isn't there."
