"""The W&B provider's folder: prepares the SDK's variables and settings, opens the provider, lists its
secrets. Only this folder imports wandb.
"""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import suppress
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import TYPE_CHECKING

from fairmind_sync.providers.variables import absolute, trim
from fairmind_sync.providers.wandb.lean_import import lean
from fairmind_sync.providers.wandb.mistakes import (
    check_address,
    check_project,
    refuse_if_off,
)
from fairmind_sync.providers.wandb.mistakes import (
    unreachable as unreachable,
)
from fairmind_sync.providers.wandb.scratch import SETTINGS, private_directory
from fairmind_sync.providers.wandb.settings_files import entries, keep_the_connection

if TYPE_CHECKING:
    from fairmind_sync.providers.base import Provider, Remark
    from fairmind_sync.settings import Settings

PACKAGE = "wandb"
TITLE = "W&B"
PROCESSES = 2
"""Two, because W&B's SDK is bound by Python: one process makes about 50 runs a second."""
_OF_THE_CONNECTION = (
    "WANDB_API_KEY",
    "WANDB_APP_URL",
    "WANDB_BASE_URL",
    "WANDB_CREDENTIALS_FILE",
    "WANDB_HTTPS_PROXY",
    "WANDB_HTTP_PROXY",
    "WANDB_HTTP_TIMEOUT",
    "WANDB_IDENTITY_TOKEN_FILE",
    "WANDB_INSECURE_DISABLE_SSL",
    "WANDB_X_EXTRA_HTTP_HEADERS",
    "WANDB_X_PROXIES",
)
"""The SDK's variables that say how to reach W&B. The others would shape our runs unseen, by a sweep or a
group for example; a parent process that uses wandb leaves some of these."""
_FILES = ("WANDB_CREDENTIALS_FILE", "WANDB_IDENTITY_TOKEN_FILE", "NETRC")
"""Variables that name files, maybe from the working directory on."""


def open_provider(settings: Settings) -> Provider:
    """Returns the W&B that the settings name; sets the SDK's own variables for this process."""
    settings.require("wandb_runs_per_second", "names", "evidence", "public_url", "find_lost_runs")
    in_files = entries(os.environ)
    refuse_if_off(os.environ, in_files)
    check_project(settings.wandb_project)
    if settings.wandb_api_key is not None:
        os.environ["WANDB_API_KEY"] = settings.wandb_api_key.get_secret_value()
    trim("WANDB_API_KEY", "WANDB_BASE_URL")
    check_address(os.environ.get("WANDB_BASE_URL", ""))
    directory = private_directory()
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        if name not in _OF_THE_CONNECTION:
            del os.environ[name]
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # else each finish waits for telemetry
    os.environ["WANDB_SILENT"] = "true"
    logging.getLogger("wandb").disabled = True  # its debug.log takes a third of a run's CPU time
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "TMPDIR"):
        os.environ[name] = str(directory)
    tempfile.tempdir = None  # read TMPDIR again
    absolute(*_FILES)
    from fairmind_sync.providers.wandb import way_out  # as the others below

    way_out.share_certificates(directory)
    way_out.share_proxies()
    keep_the_connection(in_files, directory / SETTINGS)
    os.environ["WANDB_CONFIG_DIR"] = str(directory / SETTINGS)
    os.chdir(directory)  # away from somebody else's config-defaults.yaml, which would fill our runs
    with lean():  # after the variables
        from fairmind_sync.providers.wandb.provider import WandbProvider
        from fairmind_sync.providers.wandb.sdk import Sdk

    return WandbProvider(Sdk(directory, settings), settings)


def destination(settings: Settings) -> dict[str, str | None]:
    return {"project": settings.wandb_project, "entity": settings.wandb_entity}


def secrets(_settings: Settings) -> list[str]:
    """Returns the key that W&B's own variable holds, and those in the file of `wandb login`."""
    return [os.environ.get("WANDB_API_KEY", ""), *_passwords_in_netrc()]


def _passwords_in_netrc() -> list[str]:
    named = os.environ.get("NETRC")
    for file in (named,) if named else ("~/.netrc", "~/_netrc"):
        with suppress(OSError, RuntimeError, UnicodeDecodeError, NetrcParseError):
            found = netrc(Path(file).expanduser())
            return [password for _, _, password in found.hosts.values() if password]
    return []


def remarks(_settings: Settings) -> tuple[Remark, ...]:
    """Returns nothing."""
    return ()


def runs_per_second(settings: Settings) -> int:
    """Returns the setting, by default the rate that W&B documents for a project."""
    return settings.wandb_runs_per_second
