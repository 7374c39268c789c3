"""The SDKs' variables are put right before the SDKs read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairmind_sync.providers.variables import CERTIFICATES, absolute, share_certificates, trim


@pytest.fixture(autouse=True)
def _none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CERTIFICATES:
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("around", [" ", "\n", "\r\n", "\t"])
def test_a_key_loses_the_white_space_around_it(
    monkeypatch: pytest.MonkeyPatch, around: str
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", f"{around}a key{around}")
    trim("WANDB_API_KEY")
    assert os.environ["WANDB_API_KEY"] == "a key"


def test_a_relative_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "a/b.pem")
    absolute("SSL_CERT_FILE", "SSL_CERT_DIR")
    assert (os.environ["SSL_CERT_FILE"], os.environ["SSL_CERT_DIR"]) == (
        f"{Path.cwd()}/a/b.pem",
        "",
    )


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_for_requests_counts_for_go(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/a.pem")
    share_certificates()
    assert os.environ["SSL_CERT_FILE"] == "/a.pem"


def test_a_folder_for_requests_counts_for_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    share_certificates()
    assert os.environ["SSL_CERT_DIR"] == str(tmp_path)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_what_go_is_told_counts_for_requests(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/a")
    share_certificates()
    assert os.environ["REQUESTS_CA_BUNDLE"] == "/a"


def test_who_is_told_both_keeps_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/a")
    monkeypatch.setenv("SSL_CERT_FILE", "/b")
    share_certificates()
    assert (os.environ["REQUESTS_CA_BUNDLE"], os.environ["SSL_CERT_FILE"]) == ("/a", "/b")
