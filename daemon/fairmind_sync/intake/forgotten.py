"""Warns who saves without MLOPS_PROVIDER although a provider's other
variables are set: results go nowhere.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from fairmind_sync.provider_names import NOT_AVAILABLE

if TYPE_CHECKING:
    from fairmind_sync.settings import Settings

_OF_PROVIDERS = {
    "wandb": ("wandb_api_key", "wandb_project", "wandb_entity"),
    "mlflow": ("mlflow_tracking_uri", "mlflow_experiment_name", "mlflow_public_url"),
}
"""The settings' fields by which a provider seems to be meant."""


def forgotten_provider(settings: Settings) -> str | None:
    """Returns what to do where a provider's variables are set and MLOPS_PROVIDER isn't; else None."""
    if "provider" in settings.model_fields_set:
        return None
    for provider, fields in _OF_PROVIDERS.items():
        if given := sorted(settings.model_fields_set & {*fields}):
            variable = type(settings).model_fields[given[0]].validation_alias
            return (
                f"{NOT_AVAILABLE}: {variable} is set, but MLOPS_PROVIDER isn't, so results "
                f"are saved and delivered nowhere. Set MLOPS_PROVIDER={provider}; or MLOPS_PROVIDER=none, if "
                "that is meant."
            )
    return None


def warn_of_forgotten_provider(settings: Settings) -> None:
    """Warns once a process, in the log of the program that saves."""
    if not settings.owed and (words := forgotten_provider(settings)):
        _warn_once(words)


@lru_cache
def _warn_once(words: str) -> None:
    logging.getLogger("fairmind_sync").warning(words)
