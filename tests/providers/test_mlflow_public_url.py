"""What doctor tells of MLflow's public URL, from the versions that answer; nobody is asked."""

from __future__ import annotations

import io
import ssl
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from fairmind_sync.providers.base import Remark
from fairmind_sync.providers.mlflow import doctor_remarks
from fairmind_sync.settings import Settings
from tests.standins.tls_front import without_the_systems_certificates

OWN, PUBLIC = "http://ann:pw@own/X/", "https://public"
WHAT = "MLflow's public URL"


class Web:
    """In the place of all servers: answers by URL, or fails by what stands there; keeps what it is asked."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Exception] = {}
        self.asked: list[tuple[str, float, Any]] = []

    def urlopen(self, url: str, *, timeout: float, context: Any) -> io.BytesIO:
        self.asked.append((url, timeout, context))
        found = self.answers.get(url, URLError("nobody"))
        if isinstance(found, Exception):
            raise found
        return io.BytesIO(found)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    found = Web()
    monkeypatch.setattr(doctor_remarks, "urlopen", found.urlopen)
    monkeypatch.setattr(ssl, "create_default_context", without_the_systems_certificates)
    return found


def told(**settings: str) -> list[Remark]:
    given = {"mlflow_tracking_uri": OWN, "mlflow_public_url": PUBLIC} | settings
    return list(doctor_remarks.remarks(Settings(**given)))  # type: ignore[arg-type]  # texts


NO_SERVER = Remark(
    WHAT,
    "no MLflow server answers at https://public from here",
    "Open it in a browser; if it shows no MLflow, correct FAIRMIND_SYNC_MLFLOW_PUBLIC_URL.",
    is_wrong=True,
)


def test_one_version_at_both_addresses_is_one_server(web: Web) -> None:
    web.answers = {"http://own/X/version": b"3.1\n", "https://public/version": b" 3.1"}
    remark = Remark(WHAT, "MLflow 3.1 answers at https://public", "", is_wrong=False)
    assert told() == [remark]
    assert [asked[:2] for asked in web.asked] == [
        ("http://own/X/version", 5.0),
        ("https://public/version", 5.0),
    ]
    plain, trust = (asked[2] for asked in web.asked)
    assert (plain, trust.verify_mode, trust.check_hostname) == (None, ssl.CERT_REQUIRED, True)


def test_two_versions_are_two_servers(web: Web) -> None:
    web.answers = {"http://own/X/version": b"3.1", "https://public/version": b"3.2"}
    remark = Remark(
        WHAT,
        "MLflow 3.2 answers at https://public, and 3.1 at the tracking URI",
        "Set FAIRMIND_SYNC_MLFLOW_PUBLIC_URL to the same server's public address.",
        is_wrong=True,
    )
    assert told() == [remark]


@pytest.mark.parametrize(
    "answer", [URLError("nobody"), OSError("cut"), ValueError("odd"), b"<html>", b"\xff", b""]
)
def test_where_no_version_answers_there_is_no_server(web: Web, answer: bytes | Exception) -> None:
    web.answers = {"http://own/X/version": b"3.1", "https://public/version": answer}
    assert told() == [NO_SERVER]


def test_where_neither_answers_nothing_is_wrong(web: Web) -> None:
    assert [remark.is_wrong for remark in told()] == [False]


def test_a_public_url_that_answers_alone_is_right(web: Web) -> None:
    web.answers = {"https://public/version": b"3.2"}
    assert [remark.is_wrong for remark in told()] == [False]


def test_a_long_answer_is_read_by_its_beginning(web: Web) -> None:
    web.answers = {"https://public/version": b"3" * 60}
    assert told()[0].detail == f"MLflow {'3' * 50} answers at https://public"


def test_a_folder_is_told_with_what_to_do(web: Web) -> None:
    remark = Remark(
        "MLflow's store",
        "a folder of files: MLflow keeps such stores in maintenance mode, and adds nothing to them",
        "Move to a database when you can: mlflow migrate-filestore, then sqlite:///mlflow.db.",
        is_wrong=False,
    )
    assert (told(mlflow_tracking_uri=" ./mlruns "), web.asked) == ([remark], [])


@pytest.mark.parametrize("uri", ["http://h", "sqlite:///a.db"])
def test_without_a_public_url_or_a_server_nobody_is_asked(web: Web, uri: str) -> None:
    public_url = None if uri.startswith("http") else PUBLIC
    settings = Settings(mlflow_tracking_uri=uri, mlflow_public_url=public_url)
    assert (list(doctor_remarks.remarks(settings)), web.asked) == ([], [])


@pytest.mark.usefixtures("web")
class TestTrust:
    """Whom a connection to the public URL trusts."""

    @pytest.fixture
    def loaded(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What contexts are told to load."""
        given: list[Any] = []

        def load(_context: object, **places: str) -> None:
            given.append(places)

        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load)
        return given

    @pytest.mark.parametrize(
        "name", ["MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
    )
    def test_a_named_file_or_folder_is_trusted(
        self, loaded: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
    ) -> None:
        for place in ("/a.pem", str(tmp_path)):
            monkeypatch.setenv(name, place)
            told()
        assert loaded == [{"cafile": "/a.pem"}, {"capath": str(tmp_path)}]

    @pytest.mark.parametrize("value", ["true", "True", "1"])
    def test_certificates_may_be_unchecked(
        self, loaded: list[Any], web: Web, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", value)
        told()
        trust = web.asked[1][2]
        assert (loaded, trust.verify_mode, trust.check_hostname) == ([], ssl.CERT_NONE, False)

    @pytest.mark.parametrize("value", ["false", "0", "2"])
    def test_certificates_are_checked_otherwise(
        self, web: Web, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", value)
        told()
        assert web.asked[1][2].verify_mode == ssl.CERT_REQUIRED

    def test_a_file_that_is_not_there_trusts_nobody(
        self, web: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no.pem")
        web.answers = {"http://own/X/version": b"3.1", "https://public/version": b"3.1"}
        assert told() == [NO_SERVER]
