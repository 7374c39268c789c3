"""What people read when a provider's settings, or whoever answers, are wrong: whole sentences."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.mlflow import doctor_remarks
from fairmind_sync.providers.mlflow.strangers import stranger
from fairmind_sync.providers.variables import absolute, trim
from fairmind_sync.providers.wandb.mistakes import (
    check_address,
    check_project,
    refuse_if_off,
    refuse_way,
)
from fairmind_sync.settings import Settings
from tests.support.log_events import captured_logs

OFF = ("offline", Path("/a/settings"))
SENTENCES: list[tuple[Callable[[], None], str]] = [
    (
        partial(refuse_if_off, {"WANDB_MODE": " Offline"}, {}),
        (
            "W&B is switched off by WANDB_MODE=Offline: results are held back. Unset WANDB_MODE to have "
            "them delivered."
        ),
    ),
    (
        partial(refuse_if_off, {}, {"mode": OFF}),
        (
            "W&B is switched off by 'mode = offline' in /a/settings: results are held back. Run: wandb "
            "online; or remove that line to have them delivered."
        ),
    ),
    (
        partial(check_address, "ftp://h"),
        (
            "WANDB_BASE_URL is no address: write http://host:port or https://host, or unset it for W&B's "
            "own cloud."
        ),
    ),
    (
        partial(check_address, "https://wandb.ai/team"),
        (
            "WANDB_BASE_URL is https://wandb.ai, where W&B's pages are: write https://api.wandb.ai, or "
            "unset it."
        ),
    ),
    (
        partial(refuse_way, "x509: unknown"),
        (
            "wandb-core can't go to W&B: x509: unknown. Check REQUESTS_CA_BUNDLE, SSL_CERT_FILE, "
            "HTTPS_PROXY and NO_PROXY."
        ),
    ),
    (
        partial(check_project, "a/b"),
        "WANDB_PROJECT is 'a/b': did you mean WANDB_ENTITY=a and WANDB_PROJECT=b?",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), SENTENCES)
def test_a_mistake_is_told_in_one_sentence(call: Callable[[], None], sentence: str) -> None:
    with pytest.raises(ProviderBlockedError) as blocked:
        call()
    assert str(blocked.value) == sentence


GATEWAY = (
    "a gateway before the MLflow server refuses us; it says 403 'no'. Check MLFLOW_TRACKING_USERNAME, "
    "MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN, and what the gateway lets through."
)
NO_SERVER = (
    "what answers at MLFLOW_TRACKING_URI is no MLflow server{}; it says 418. Check the address."
)
ELSEWHERE = (
    "MLFLOW_TRACKING_URI leads elsewhere (302 to {}), probably to a page to sign in. "
    "Set the address at which MLflow's API itself answers."
)


@pytest.mark.parametrize(
    ("status", "headers", "body", "sentence"),
    [
        (403, {}, "<p>no</p>", GATEWAY),
        (418, {"Server": "tea"}, "", NO_SERVER.format(" (tea)")),
        (418, {}, "<br>", NO_SERVER.format("")),
        (302, {"Location": "https://sign.in/a?b=http://c/d"}, "", ELSEWHERE.format("sign.in")),
        (302, {"Location": "/login"}, "", ELSEWHERE.format("a path there")),
        (302, {}, "", ELSEWHERE.format("a path there")),
    ],
)
def test_who_answers_in_mlflows_place_is_told(
    status: int, headers: dict[str, str], body: str, sentence: str
) -> None:
    answer = stranger(status, headers, body)
    assert answer.replace("it says 302; ", "") == sentence


@pytest.mark.parametrize("server", ["AirTunes/1", "AirPlay/2"])
def test_macs_receiver_is_told_by_its_name(server: str) -> None:
    assert stranger(403, {"Server": server}, "").startswith("macOS's AirPlay receiver answers at ")


def test_a_folder_of_files_is_told_with_the_way_out() -> None:
    (remark,) = doctor_remarks.remarks(Settings(mlflow_tracking_uri="./mlruns"))
    assert (remark.what, remark.detail) == (
        "MLflow's store",
        "a folder of files: MLflow keeps such stores in maintenance mode, and adds nothing to them",
    )
    assert remark.remedy == (
        "Move to a database when you can: mlflow migrate-filestore, then sqlite:///mlflow.db."
    )


@pytest.mark.parametrize(
    ("versions", "detail", "remedy"),
    [
        (
            {"http://own": "3.1", "http://public": None},
            "no MLflow server answers at http://public from here",
            "Open it in a browser; if it shows no MLflow, correct",
        ),
        (
            {"http://own": "3.1", "http://public": "2.9"},
            "MLflow 2.9 answers at http://public, and 3.1 at the tracking URI",
            "Set FAIRMIND_SYNC_MLFLOW_PUBLIC_URL to the same server's public address.",
        ),
        ({"http://own": "3.1", "http://public": "3.1"}, "MLflow 3.1 answers at http://public", ""),
    ],
)
def test_a_public_url_is_told_with_what_answers_there(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str | None], detail: str, remedy: str
) -> None:
    monkeypatch.setattr(doctor_remarks, "_version", versions.__getitem__)
    settings = Settings(mlflow_tracking_uri="http://ann:pw@own/", mlflow_public_url="http://public")
    (remark,) = doctor_remarks.remarks(settings)
    assert (remark.what, remark.detail) == ("MLflow's public URL", detail)
    assert remark.remedy.startswith(remedy)
    assert bool(remark.remedy) == bool(remedy)


def test_a_variable_that_is_trimmed_is_told_and_one_that_is_not_there_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", " key")
    with captured_logs() as events:
        trim("WANDB_API_KEY", "WANDB_BASE_URL")
    told = {"event": "variable.trimmed", "log_level": "warning", "variable": "WANDB_API_KEY"}
    assert events == [told]
    absolute("NETRC")
    assert {"WANDB_BASE_URL", "NETRC"}.isdisjoint(os.environ)
