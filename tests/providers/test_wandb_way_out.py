"""What requests or Go is told of certificates and proxies counts for both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from fairmind_sync.providers.wandb.way_out import CERTIFICATES, share_certificates, share_proxies

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CERTIFICATES, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.setenv(name, "")  # put back at the end, whoever sets it
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Holds a.pem and b.pem with one certificate each, and a folder for what is made."""
    for name in "ab":
        (tmp_path / f"{name}.pem").write_text(f"words\n{certificate(name)}\nmore words\n")
    (tmp_path / "made").mkdir()
    return tmp_path


def certificate(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----"


def shared(
    place: Path, monkeypatch: pytest.MonkeyPatch, told: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """The certificates that requests trusts by variables, and those that Go trusts."""
    for name, value in told.items():
        monkeypatch.setenv(name, value.format(place=place))
    share_certificates(place / "made")
    return held(os.environ["REQUESTS_CA_BUNDLE"]), held(os.environ["SSL_CERT_FILE"])


def held(file: str) -> list[str]:
    text = Path(file).read_text()
    return [name for name in "ab" if certificate(name) in text]


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_file_that_one_is_told_counts_for_both(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert shared(place, monkeypatch, {name: "{place}/a.pem"}) == (["a"], ["a"])


def test_what_is_shared_is_one_file_of_certificates_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "b.pem").write_bytes(b"\xff\xfe" + certificate("b").encode() + b"\xff")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(place / "a.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", "/not/looked/at.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(place / "b.pem"))
    share_certificates(place / "made")
    text = (place / "made" / "certificates.pem").read_text()
    assert text == f"{certificate('a')}\n{certificate('b')}\n"


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_a_folders_files_count_for_both(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert shared(place, monkeypatch, {name: "{place}"}) == (["a", "b"], ["a", "b"])


def test_several_folders_in_one_variable_count(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"SSL_CERT_DIR": "/nowhere:{place}"}
    assert shared(place, monkeypatch, told) == (["a", "b"], ["a", "b"])


def test_who_is_told_apart_trusts_what_the_other_is_told(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"REQUESTS_CA_BUNDLE": "{place}/a.pem", "SSL_CERT_FILE": "{place}/b.pem"}
    assert shared(place, monkeypatch, told) == (["a", "b"], ["a", "b"])


def test_requests_trusts_its_own_too_where_only_go_is_told(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared(place, monkeypatch, {"SSL_CERT_FILE": "{place}/a.pem"})
    (first, *_) = Path(DEFAULT_CA_BUNDLE_PATH).read_text().split("-----END CERTIFICATE-----")
    own = first.partition("-----BEGIN CERTIFICATE-----")[2]
    assert own in Path(os.environ["REQUESTS_CA_BUNDLE"]).read_text()


def test_a_file_for_go_that_is_not_there_hinders_nobody(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"REQUESTS_CA_BUNDLE": "{place}/a.pem", "SSL_CERT_FILE": "{place}/no.pem"}
    assert shared(place, monkeypatch, told) == (["a"], ["a"])


def test_a_file_for_requests_that_is_not_there_stays_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(place / "a.pem"))
    share_certificates(place / "made")
    assert os.environ["REQUESTS_CA_BUNDLE"] == "/no.pem"


def test_who_is_told_nothing_is_told_nothing(place: Path) -> None:
    share_certificates(place / "made")
    assert [os.environ[name] for name in CERTIFICATES] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("told", "https", "without"),
    [
        ({"ALL_PROXY": "http://p:1"}, "http://p:1", ""),
        ({"all_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://q:1", ""),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://p:1", ""),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "a.example"}, "http://p:1", "a.example"),
        ({"ALL_PROXY": "", "NO_PROXY": "*"}, "", "*"),
    ],
    ids=str,
)
def test_go_takes_the_proxies_that_requests_takes(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], https: str, without: str
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    share_proxies()
    found = os.environ.get("HTTPS_PROXY", ""), os.environ.get("NO_PROXY", "")
    assert found == (https, without)
