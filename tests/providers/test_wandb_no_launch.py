"""The SDK's module for inputs of W&B Launch is spared, and a run begins as without inputs."""

from __future__ import annotations

import importlib
import sys

import pytest

from fairmind_sync.providers.wandb import no_launch


def test_nothing_of_launch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, no_launch._MODULE, raising=False)
    no_launch.spare_the_import()
    found = importlib.import_module(no_launch._MODULE)
    assert found.StagedLaunchInputs().apply(object()) is None
    assert found.__name__ == no_launch._MODULE
    monkeypatch.delitem(sys.modules, no_launch._MODULE)


def test_what_somebody_has_imported_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    there = object()
    monkeypatch.setitem(sys.modules, no_launch._MODULE, there)
    no_launch.spare_the_import()
    assert sys.modules[no_launch._MODULE] is there
