"""Name -> provider, imported on first use: an SDK costs a second and a hundred megabytes."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fairmind_sync.errors import ProviderNotInstalledError

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.providers.base import Provider
    from fairmind_sync.settings import Settings


def is_installed(name: ProviderName) -> bool:
    """Whether its SDK is there, found out without importing it."""
    return find_spec(name) is not None


def require_installed(name: ProviderName) -> None:
    """
    Raises:
        ProviderNotInstalledError: names the pip command.
    """  # noqa: D205, D212 there is nothing to say but the error
    if not is_installed(name):
        raise ProviderNotInstalledError(
            f"MLOPS_PROVIDER enables {name}, but the package {name} is not installed. "
            f"Run: pip install 'fairmind-sync[{name}]'"
        )


def open_provider(name: ProviderName, settings: Settings) -> Provider:
    """The provider, ready to use in this process: call it in a worker process only.

    Raises:
        ProviderNotInstalledError: names the pip command.
    """
    require_installed(name)
    provider: Provider = import_module(f"fairmind_sync.providers.{name}").open_provider(settings)
    return provider
