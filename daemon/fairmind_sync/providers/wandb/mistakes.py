"""Refuses wrong W&B settings in words before the SDK does (switched off, wrong address or project, a barred
way), and words that W&B can't be reached.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.redaction import redact, without_user

_OFF = {"mode": ("offline", "disabled", "dryrun"), "disabled": ("true", "1", "yes", "on")}
"""Settings that switch W&B off, with the values that do; the variables begin with WANDB_."""
_LONGEST_PROJECT = 128
_NO_WAY = re.compile(
    r"x509: .*|remote error: tls: .*|tls: (?!.*record MAC).*"
    r"|Proxy Authentication Required|socks connect .*authentication.*"
)
"""What wandb-core, written in Go, says where the way to W&B is barred for it."""
_NOT_IN_A_PROJECT = re.compile(r"[/\\#?%:]")
_PAGES = ("wandb.ai", "www.wandb.ai", "app.wandb.ai")
"""Hosts of W&B's pages, which are not its API."""


def refuse_if_off(environ: Mapping[str, str], in_files: Mapping[str, tuple[str, Path]]) -> None:
    """Does nothing where neither a variable nor a settings file switches W&B off.

    Raises:
        ProviderBlockedError: one does; the message names the place.
    """
    for name, values in _OFF.items():
        variable = f"WANDB_{name.upper()}"
        given = environ.get(variable, "").strip()
        if given.lower() in values:
            _refuse_off(f"{variable}={given}", f"Unset {variable}")
        if given or name not in in_files:
            continue
        value, file = in_files[name]
        if value.strip().lower() in values:
            _refuse_off(f"'{name} = {value}' in {file}", "Run: wandb online; or remove that line")


def _refuse_off(by_what: str, remedy: str) -> None:
    raise ProviderBlockedError(
        f"W&B is switched off by {by_what}: results are held back. {remedy} to have them delivered."
    )


def check_address(base_url: str) -> None:
    """Does nothing where the address may be W&B's API; `base_url` is empty where none is given.

    Raises:
        ProviderBlockedError: it can't be; the message says what to write.
    """
    if not base_url:
        return
    try:
        parts = urlsplit(base_url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ProviderBlockedError(
            "WANDB_BASE_URL is no address: write http://host:port or https://host, "
            "or unset it for W&B's own cloud."
        )
    if parts.hostname in _PAGES:
        raise ProviderBlockedError(
            f"WANDB_BASE_URL is {parts.scheme}://{parts.hostname}, where W&B's pages are: write "
            "https://api.wandb.ai, or unset it."
        )


def unreachable(address: str, why: str) -> ProviderOfflineError:
    """Returns the error that nobody could be reached at the address, in the same words whoever tried."""
    address = without_user(address)
    return ProviderOfflineError(
        f"W&B at {address} can't be reached: {redact(why)}", address=address
    )


def refuse_way(words: str) -> None:
    """Does nothing where wandb-core's words say no more than that no answer came.

    Raises:
        ProviderBlockedError: wandb-core may not go to W&B as it is set up.
    """
    if barred := _NO_WAY.search(words):
        raise ProviderBlockedError(
            f"wandb-core can't go to W&B: {barred[0]}. Check REQUESTS_CA_BUNDLE, SSL_CERT_FILE, HTTPS_PROXY "
            "and NO_PROXY."
        )


def check_project(project: str) -> None:
    """Does nothing where W&B takes the project's name.

    Raises:
        ProviderBlockedError: W&B doesn't; the message says what to write.
    """
    team, slash, name = project.partition("/")
    if slash and team and name and not _NOT_IN_A_PROJECT.search(team + name):
        raise ProviderBlockedError(
            f"WANDB_PROJECT is {project!r}: did you mean WANDB_ENTITY={team} and WANDB_PROJECT={name}?"
        )
    if len(project) > _LONGEST_PROJECT or _NOT_IN_A_PROJECT.search(project):
        raise ProviderBlockedError(
            f"WANDB_PROJECT may have at most {_LONGEST_PROJECT} characters, and none of / \\ # ? % :"
        )
