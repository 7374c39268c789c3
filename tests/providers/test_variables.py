"""The SDKs' variables are put right before the SDKs read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairmind_sync.providers.variables import absolute, trim
from tests.support.log_events import captured_logs


@pytest.mark.parametrize("around", [" ", "\n", "\r\n", "\t"])
def test_a_key_loses_the_white_space_around_it(
    monkeypatch: pytest.MonkeyPatch, around: str
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", f"{around}a key{around}")
    monkeypatch.setenv("WANDB_BASE_URL", "as it is")
    with captured_logs() as events:
        trim("WANDB_BASE_URL", "WANDB_APP_URL", "WANDB_API_KEY")
    assert os.environ["WANDB_API_KEY"] == "a key"
    told = {"event": "variable.trimmed", "log_level": "warning", "variable": "WANDB_API_KEY"}
    assert (events, "WANDB_APP_URL" in os.environ) == ([told], False)


def test_a_relative_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", "a/b")
    monkeypatch.setenv("WANDB_CREDENTIALS_FILE", "")
    absolute("NETRC", "WANDB_CREDENTIALS_FILE")
    assert (os.environ["NETRC"], os.environ["WANDB_CREDENTIALS_FILE"]) == (f"{Path.cwd()}/a/b", "")
