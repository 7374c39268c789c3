"""Finds W&B's address and key as the SDK does, once, before threads use the SDK; builds URLs of runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import wandb
from wandb.errors import AuthenticationError, UsageError
from wandb.sdk import wandb_setup
from wandb.util import app_url

from fairmind_sync.errors import ProviderBrokenError
from fairmind_sync.providers.wandb.credentials import IdentityToken, Transport, of_key
from fairmind_sync.providers.wandb.service import Service, refuse_key

if TYPE_CHECKING:
    from requests.auth import AuthBase


@dataclass(frozen=True, slots=True)
class Login:
    """W&B's addresses, of its API and of its pages, and W&B there for our own requests.

    `entity` is what a settings file of W&B names, if one does.
    """

    base_url: str
    app_url: str
    entity: str | None
    service: Service

    def run_url(self, entity: str, project: str, run_id: str) -> str:
        """Returns the URL of a run's page, as the SDK builds it."""
        return f"{self.app_url}/{quote(entity)}/{quote(project)}/runs/{run_id}"


def log_in(base_url: str | None = None) -> Login:
    """Returns the address and the key that the SDK uses: those of its variables, or of ~/.netrc.

    `base_url` is the address of an earlier login in this process, which has to stay.
    The first reader fills settings that other threads can see half filled. Runs of such threads, and the key,
    went to W&B's default host instead of WANDB_BASE_URL.

    Raises:
        ProviderBlockedError: there is no key for the address, or none that can be one.
        ProviderBrokenError: the SDK took another address; it does so after a failure, for as long as the
            process lives.
    """
    if base_url is not None:
        os.environ["WANDB_BASE_URL"] = base_url
    wanted = os.environ.get("WANDB_BASE_URL", "").rstrip("/")
    base_url = str(wandb_setup.singleton().settings.base_url).rstrip("/")
    if wanted and wanted != base_url:
        raise ProviderBrokenError(f"W&B's SDK would send runs to {base_url}")
    try:
        wandb.login(host=base_url, verify=False)
    except (AuthenticationError, UsageError) as error:
        refuse_key(_why_no_key(str(error), wanted))
    settings = wandb_setup.singleton().settings
    transport = _transport(settings)
    if settings.identity_token_file:
        auth: AuthBase = IdentityToken(base_url, Path(settings.identity_token_file), transport)
    else:
        auth = of_key(str(settings.api_key))
    pages = getattr(settings, "app_url", None)  # older SDKs have the function alone
    return Login(
        base_url,
        str(pages or app_url(base_url)).rstrip("/"),
        settings.entity,
        Service(base_url, auth, transport),
    )


def _why_no_key(said: str, wanted: str) -> str:
    """Returns what is wrong with the key, at an address that somebody set; the SDK's advice is left out."""
    if "configured" in said:
        return f"there is no key for W&B at {wanted}" if wanted else "there is no key for W&B"
    return f"W&B's SDK takes no key: {said.rstrip('.')}"


def _transport(settings: wandb.Settings) -> Transport:
    """Returns what the SDK adds to each request, for our own requests; older SDKs know less."""
    proxies = {
        "http": getattr(settings, "http_proxy", None),
        "https": getattr(settings, "https_proxy", None),
        **(getattr(settings, "x_proxies", None) or {}),
    }
    return Transport(
        headers=dict(getattr(settings, "x_extra_http_headers", None) or {}),
        proxies={scheme: address for scheme, address in proxies.items() if address},
        verify=False if settings.insecure_disable_ssl else None,
    )
