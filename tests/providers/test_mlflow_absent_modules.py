"""A module that isn't installed is searched for once, and one that is stays importable."""

from __future__ import annotations

import importlib
import sys

import pytest

from fairmind_sync.providers.mlflow import absent_modules


def test_an_absent_module_is_searched_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absent_modules, "_OF_DATABRICKS", ("surely_not_installed",))
    monkeypatch.delitem(sys.modules, "surely_not_installed", raising=False)
    absent_modules.remember()
    assert sys.modules.get("surely_not_installed", absent_modules) is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("surely_not_installed")
    monkeypatch.delitem(sys.modules, "surely_not_installed")


def test_an_installed_module_stays_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absent_modules, "_OF_DATABRICKS", ("colorsys",))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    absent_modules.remember()
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
