"""Whoever answers in an MLflow server's place is named for what it is."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from fairmind_sync.providers.mlflow.strangers import stranger


def named(status: int, body: str = "", **headers: str) -> str:
    return stranger(status, CaseInsensitiveDict(headers), body)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "is a page, maybe to sign in, and no MLflow server"),
        (401, "a gateway before the MLflow server refuses us"),
        (403, "a gateway before the MLflow server refuses us"),
        (407, "the proxy refuses us"),
        (413, "a gateway before the MLflow server takes no request of this size"),
        (404, "what answers at MLFLOW_TRACKING_URI is no MLflow server"),
        (405, "what answers at MLFLOW_TRACKING_URI is no MLflow server"),
    ],
)
def test_it_is_named_by_its_status(status: int, words: str) -> None:
    assert words in named(status)


def test_airplay_is_named_with_the_port_to_leave() -> None:
    assert "another port than 5000" in named(403, Server="AirTunes/775.3.1")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_page_to_sign_in_is_named_by_its_host(status: int) -> None:
    assert f"({status} to sso.example)" in named(
        status, Location="https://sso.example/login?back=%2F"
    )


def test_a_redirection_to_a_path_is_told_without_a_host() -> None:
    assert "(302 to a path there)" in named(302, Location="/login")


def test_a_redirection_to_nowhere_is_told_so() -> None:
    assert "(302 to a path there)" in named(302)


def test_the_words_of_a_sentence_end_without_white_space() -> None:
    assert named(404) == (
        "what answers at MLFLOW_TRACKING_URI is no MLflow server; it says 404. Check the address."
    )


def test_another_server_is_named() -> None:
    assert "no MLflow server (nginx/1.25.3); it says 404 'Not Found'" in named(
        404, "<html><h1>Not Found</h1></html>", server="nginx/1.25.3"
    )


def test_scripts_and_styles_are_no_words_of_it() -> None:
    page = "<style>a { b: c }</style>Please <b>sign in</b><script>if (a < b) {}</script>"
    assert "it says 200 'Please sign in'." in named(200, page)


def test_a_long_page_is_quoted_in_part() -> None:
    assert len(named(200, "word " * 10_000)) < 500
