"""Gives wandb-core, written in Go, and our own requests the same certificates and proxies.

Each of them reads variables of its own for certificates and proxies. What one is told counts for the other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import getproxies_environment

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from fairmind_sync.providers.variables import AUTHORITIES_OF_REQUESTS

_FOR_GO = ("SSL_CERT_FILE", "SSL_CERT_DIR")
CERTIFICATES = (*AUTHORITIES_OF_REQUESTS, *_FOR_GO)
"""Variables that name files or folders of certificates."""
_ONE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SCHEMES = ("http", "https")


def share_certificates(folder: Path) -> None:
    """Has both trust what either is told to, by one file in the folder; does nothing if neither is told.

    Go trusts the system's certificates beside those in SSL_CERT_FILE, and requests its own where requests is
    told none. A file that requests is told, and that isn't there, stays named: requests says so.
    """
    told = [os.environ[name] for name in AUTHORITIES_OF_REQUESTS if os.environ.get(name)][:1]
    for_go = [os.environ[name] for name in _FOR_GO if os.environ.get(name)]
    if not (told or for_go) or not all(Path(one).exists() for one in told):
        return
    trusted: dict[str, None] = {}
    for file in _files([*(told or [DEFAULT_CA_BUNDLE_PATH]), *for_go]):
        trusted |= dict.fromkeys(_certificates_in(file))
    shared = folder / "certificates.pem"
    shared.write_text("\n".join([*trusted, ""]), encoding="ascii")
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        os.environ[name] = str(shared)


def share_proxies() -> None:
    """Has Go take the proxies that requests takes: ALL_PROXY, too, and the lower case where both differ."""
    found = getproxies_environment()
    for scheme in (*_SCHEMES, "no"):
        value = found.get(scheme) or (None if scheme == "no" else found.get("all"))
        if value:
            os.environ[f"{scheme}_proxy"] = os.environ[f"{scheme.upper()}_PROXY"] = value


def _files(names: list[str]) -> Iterator[Path]:
    """Yields the files that are named, and those of named folders; a variable may name several of these."""
    for place in (Path(part) for name in names for part in name.split(os.pathsep) if part):
        yield from sorted(place.iterdir()) if place.is_dir() else [place]


def _certificates_in(file: Path) -> list[str]:
    try:
        return _ONE.findall(file.read_text(encoding="ascii", errors="ignore"))
    except OSError:
        return []
