"""Tells where the settings send results (project, tracking URI, experiment), for the integration's status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairmind_sync import providers
from fairmind_sync.provider_names import PROVIDERS

if TYPE_CHECKING:
    from fairmind_sync.provider_names import ProviderName
    from fairmind_sync.settings import Settings


def integration_status(settings: Settings) -> dict[str, Any]:
    """Returns the configuration without secrets; a disabled provider's values are None."""
    return {
        "provider": settings.provider,
        **{name: _destination(name, settings) for name in PROVIDERS},
    }


def _destination(name: ProviderName, settings: Settings) -> dict[str, Any]:
    enabled, known = name in settings.enabled, providers.folder(name).destination(settings)
    return {"enabled": enabled, **(known if enabled else dict.fromkeys(known))}
