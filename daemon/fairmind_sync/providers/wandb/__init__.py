"""The W&B provider; only this folder imports wandb, whose own variables have to be set first."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import TYPE_CHECKING

from fairmind_sync.providers.wandb.scratch import private_directory

if TYPE_CHECKING:
    from fairmind_sync.providers.base import Provider
    from fairmind_sync.settings import Settings

PACKAGE = "wandb"
PROCESSES = 2
"""Two, because W&B's SDK is bound by Python: one process makes about 50 runs a second."""
_STRAY = ("WANDB_SERVICE", "WANDB_MODE", "WANDB_RUN_ID", "WANDB_RESUME", "WANDB_DISABLED")
"""Variables that would change our runs unseen; a parent process that uses wandb leaves some of these."""


def open_provider(settings: Settings) -> Provider:
    """Returns the W&B that the settings name; sets the SDK's own variables for this process."""
    directory = private_directory()
    for name in _STRAY:
        os.environ.pop(name, None)
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # else each finish waits for telemetry
    os.environ["WANDB_SILENT"] = "true"
    logging.getLogger("wandb").disabled = True  # its debug.log takes a third of a run's CPU time
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "TMPDIR"):
        os.environ[name] = str(directory)
    tempfile.tempdir = None  # read TMPDIR again
    if settings.wandb_api_key is not None:
        os.environ["WANDB_API_KEY"] = settings.wandb_api_key.get_secret_value()
    from fairmind_sync.providers.wandb.provider import WandbProvider  # after the variables
    from fairmind_sync.providers.wandb.sdk import Sdk

    return WandbProvider(Sdk(directory, settings), settings)


def destination(settings: Settings) -> dict[str, str | None]:
    return {"project": settings.wandb_project, "entity": settings.wandb_entity}


def secrets(_settings: Settings) -> list[str]:
    """Returns the key that W&B's own variable holds."""
    return [os.environ.get("WANDB_API_KEY", "")]


def runs_per_second(settings: Settings) -> int:
    """Returns the setting, by default the rate that W&B documents for a project."""
    return settings.wandb_runs_per_second
