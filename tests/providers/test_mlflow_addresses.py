"""MLFLOW_TRACKING_URI is taken as it is meant, or refused with the way to write it."""

from __future__ import annotations

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow.addresses import checked, is_server


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://h:5000", "http://h:5000"),
        (" HTTP://H:5000/p \n", "http://H:5000/p"),
        ("https://user:p%40ss@h/base", "https://user:p%40ss@h/base"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("sqlite:///a#b.db", "sqlite:///a#b.db"),
        ("http://X/X", "http://X/X"),
        ("./mlruns", "./mlruns"),
        ("file:///tmp/mlruns", "file:///tmp/mlruns"),
        ("databricks://profile", "databricks://profile"),
        ("arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/a",) * 2,
    ],
)
def test_it_is_taken_as_it_is_meant(given: str, meant: str) -> None:
    assert checked(given) == meant


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("localhost:5000", "write http://localhost:5000 or"),
        ("127.0.0.1:5000/", "write http://127.0.0.1:5000/ or"),
        ("http://h:5000/#/experiments/1", "leave out all from '#' on"),
        ("http://h:5000/?workspace=a", "leave out all from '?' on"),
        ("http://user:a/b@h", "has '/' in user or password, or '@' in its path: write %2F, %40."),
        ("http://h/a@b", "has '/' in user or password, or '@' in its path: write %2F, %40."),
        ("http://h/p://a@b", "write %2F, %40"),
        ("http://X:X@h#", "leave out all from '#' on"),
        ("http:/h", "write http://host:port"),
        ("http://", "MLFLOW_TRACKING_URI names no host and port: write http://host:port."),
        ("http://h:0", "write http://host:port"),
        ("http://h:99999", "is no address: Port out of range"),
        ("http://h:http", "is no address: Port could not"),
        ("http://[::1", "is no address: Invalid IPv6"),
    ],
)
def test_what_can_not_be_meant_is_refused(given: str, words: str) -> None:
    with pytest.raises(ProviderBlockedError) as refused:
        checked(given)
    assert words in str(refused.value)


def test_a_refusal_never_repeats_a_secret() -> None:
    with pytest.raises(ProviderBlockedError) as refused:
        checked("http://user:s3cr/et@h:5000")
    assert "s3cr" not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "is_one"), [("http://h", True), ("https://h", True), ("httpx://h", False)]
)
def test_a_server_is_what_begins_with_http(uri: str, is_one: bool) -> None:
    assert is_server(uri) == is_one
