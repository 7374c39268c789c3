"""The SDKs' variables are put right before the SDKs read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairmind_sync.providers.variables import absolute, trim


@pytest.mark.parametrize("around", [" ", "\n", "\r\n", "\t"])
def test_a_key_loses_the_white_space_around_it(
    monkeypatch: pytest.MonkeyPatch, around: str
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", f"{around}a key{around}")
    trim("WANDB_API_KEY")
    assert os.environ["WANDB_API_KEY"] == "a key"


def test_a_relative_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", "a/b")
    monkeypatch.setenv("WANDB_CREDENTIALS_FILE", "")
    absolute("NETRC", "WANDB_CREDENTIALS_FILE")
    assert (os.environ["NETRC"], os.environ["WANDB_CREDENTIALS_FILE"]) == (f"{Path.cwd()}/a/b", "")
