"""Whatever goes wrong while a provider is set up is told in its own words, and blocks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fairmind_sync import providers
from fairmind_sync.errors import (
    FairmindSyncError,
    ProviderBlockedError,
    ProviderNotInstalledError,
    ProviderOfflineError,
)
from fairmind_sync.settings import Settings


def provider_that_raises(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_provider(_settings: Settings) -> Any:
        raise error

    folder = SimpleNamespace(PACKAGE="json", open_provider=open_provider)
    monkeypatch.setattr(providers, "folder", lambda _name: folder)


@pytest.mark.parametrize("error", [ImportError("no plugin"), KeyError("x"), OSError("no file")])
def test_an_sdks_error_blocks_with_its_own_words(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider_that_raises(error, monkeypatch)
    with pytest.raises(ProviderBlockedError) as caught:
        providers.open_provider("mlflow", Settings())
    assert str(caught.value) == f"json can't be set up: {type(error).__name__}: {error}"


@pytest.mark.parametrize("error", [ProviderOfflineError("away"), ProviderBlockedError("the key")])
def test_our_own_errors_stay_as_they_are(
    error: FairmindSyncError, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider_that_raises(error, monkeypatch)
    with pytest.raises(type(error)) as caught:
        providers.open_provider("mlflow", Settings())
    assert caught.value is error


def test_a_missing_package_is_named_with_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "is_installed", lambda _name: False)
    with pytest.raises(ProviderNotInstalledError, match=r"pip install 'fairmind-sync\[mlflow\]'"):
        providers.open_provider("mlflow", Settings())


def test_a_provider_is_opened_by_its_own_folder_with_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folders = {"mlflow": SimpleNamespace(PACKAGE="json", open_provider=lambda given: [given])}
    monkeypatch.setattr(providers, "folder", folders.__getitem__)
    opened: object = providers.open_provider("mlflow", settings := Settings())
    assert opened == [settings]


def test_an_sdks_error_at_a_probe_blocks_with_its_own_words() -> None:
    def fail() -> None:
        raise ValueError("odd")

    asked: Any = SimpleNamespace(probe=fail)
    with pytest.raises(ProviderBlockedError) as caught:
        providers.probe(asked)
    words = "the provider can't be asked whether it takes runs: ValueError: odd"
    assert str(caught.value) == words
