"""Finds and opens a provider by its name, without importing any SDK before; probes it, and turns whatever an
SDK raises there into 'blocked'.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from fairmind_sync.errors import (
    FairmindSyncError,
    ProviderBlockedError,
    ProviderNotInstalledError,
    SettingsError,
)

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.providers.base import Provider, ProviderFolder
    from fairmind_sync.settings import Settings


def folder(name: ProviderName) -> ProviderFolder:
    """Returns what the provider's folder exports; imports no SDK."""
    return cast("ProviderFolder", import_module(f"{__name__}.{name}"))


def logging_error(name: ProviderName) -> str:
    """Returns the words that FairMind's document tells people to look for where runs don't arrive."""
    return f"{folder(name).TITLE} logging error"


def is_installed(name: ProviderName) -> bool:
    """Returns whether the provider's package is installed, without importing it."""
    return find_spec(folder(name).PACKAGE) is not None


def require_installed(name: ProviderName) -> None:
    """Does nothing where the provider's package is installed.

    Raises:
        ProviderNotInstalledError: the package is missing; the message names the pip command.
    """
    if not is_installed(name):
        raise ProviderNotInstalledError(
            f"MLOPS_PROVIDER enables {name}, but the package {folder(name).PACKAGE} is not installed. "
            f"Run: pip install 'fairmind-sync[{name}]'"
        )


def open_provider(name: ProviderName, settings: Settings) -> Provider:
    """Returns the provider, ready to use in this process: call it in a worker process only.

    Raises:
        ProviderNotInstalledError: the package is missing; the message names the pip command.
        ProviderUnavailableError: the provider can't be set up as it is configured.
    """
    require_installed(name)
    with (
        _blocked_by_a_setting(),
        blocked_by_what_nobody_foresaw(f"{folder(name).PACKAGE} can't be set up"),
    ):
        return folder(name).open_provider(settings)


@contextmanager
def _blocked_by_a_setting() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        raise ProviderBlockedError(str(error)) from error


def probe(provider: Provider) -> None:
    """Asks the provider whether it takes runs.

    Raises:
        ProviderUnavailableError: the provider takes no runs; the message says why.
    """
    with blocked_by_what_nobody_foresaw("the provider can't be asked whether it takes runs"):
        provider.probe()


@contextmanager
def blocked_by_what_nobody_foresaw(what: str) -> Iterator[None]:
    """Has an SDK's own errors say, in the SDK's words, that the destination takes nothing.

    Whatever goes wrong before a delivery begins is the destination's fault, and costs no delivery an attempt.
    """
    try:
        yield
    except FairmindSyncError:
        raise
    except Exception as error:
        raise ProviderBlockedError(f"{what}: {type(error).__name__}: {error}") from error
