"""What doctor tells of MLflow's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairmind_sync.providers.mlflow.doctor_remarks import remarks
from fairmind_sync.settings import Settings
from tests.standins.impostor import impostor
from tests.standins.loopback import Reply
from tests.standins.tls_front import tls_front
from tests.support.certificates import issued, self_signed


def version(text: str) -> Reply:
    return Reply(text.encode(), content_type="text/plain")


@pytest.mark.parametrize("uri", ["./mlruns", "file:///a", "/abs/mlruns"])
def test_a_folder_is_told_with_what_mlflow_says_of_it(uri: str) -> None:
    (remark,) = remarks(Settings(mlflow_tracking_uri=uri))
    assert ("maintenance mode" in remark.detail, remark.is_wrong) == (True, False)


@pytest.mark.parametrize("uri", ["sqlite:///a.db", "http://h", "databricks", "databricks://p"])
def test_of_what_is_no_folder_nothing_is_told(uri: str) -> None:
    assert list(remarks(Settings(mlflow_tracking_uri=uri))) == []


@pytest.mark.parametrize(
    ("public", "is_wrong"), [("3.17.2", False), ("3.1.0", True), ("<html>sign in", True)]
)
def test_a_public_url_is_compared(public: str, is_wrong: bool) -> None:
    with impostor(version("3.17.2")) as own, impostor(version(public)) as other:
        (remark,) = remarks(Settings(mlflow_tracking_uri=own, mlflow_public_url=other))
    assert (other in remark.detail, remark.is_wrong) == (True, is_wrong)


@pytest.mark.system  # it makes certificates
@pytest.mark.parametrize(
    ("name", "value", "is_wrong"),
    [
        ("MLFLOW_TRACKING_SERVER_CERT_PATH", "{authority}", False),
        ("REQUESTS_CA_BUNDLE", "{authority}", False),
        ("MLFLOW_TRACKING_INSECURE_TLS", "true", False),
        ("REQUESTS_CA_BUNDLE", "/no.pem", True),
    ],
)
def test_a_public_url_is_trusted_as_mlflows_client_trusts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, is_wrong: bool
) -> None:
    authority = self_signed(tmp_path, "authority")
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(other, "")
    monkeypatch.setenv(name, value.format(authority=authority))
    with (
        impostor(version("3.17.2")) as own,
        tls_front(int(own.rpartition(":")[2]), issued(authority, "shown")) as front,
    ):
        public = f"https://127.0.0.1:{front}"
        (remark,) = remarks(Settings(mlflow_tracking_uri=own, mlflow_public_url=public))
    assert remark.is_wrong == is_wrong
