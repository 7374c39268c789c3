"""What the import of W&B's SDK is spared, and that all else is as it was."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest

from fairmind_sync.providers.wandb import lean_import

SDK = """
import sys
from fairmind_sync.providers.wandb.lean_import import lean
with lean():
    import wandb
from wandb.sdk.launch.inputs.internal import StagedLaunchInputs
StagedLaunchInputs().apply(object())
assert "wandb.sdk.launch.agent" not in sys.modules
settings = wandb.Settings(base_url="http://127.0.0.1:1", silent=True)
assert settings.base_url == "http://127.0.0.1:1"
"""


def test_the_sdk_works_without() -> None:
    subprocess.run([sys.executable, "-c", SDK], check=True, timeout=240)


def test_nothing_of_launch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, lean_import._LAUNCH, raising=False)
    with lean_import.lean():
        pass
    found: Any = importlib.import_module(lean_import._LAUNCH)
    assert found.StagedLaunchInputs is lean_import._NoInputs
    found.StagedLaunchInputs().apply(object())
    monkeypatch.delitem(sys.modules, lean_import._LAUNCH)


def test_what_somebody_has_imported_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    there = object()
    monkeypatch.setitem(sys.modules, lean_import._LAUNCH, there)
    with lean_import.lean():
        pass
    assert sys.modules[lean_import._LAUNCH] is there


def test_frames_are_shown_again_afterwards() -> None:
    with lean_import.lean():
        assert inspect.currentframe() is None
    assert inspect.currentframe() is not None
