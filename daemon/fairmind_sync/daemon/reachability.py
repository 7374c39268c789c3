"""The connect probe: whether an offline provider's host and port
take a connection at all; costs no worker process.

A whole probe needs a worker process with the provider's SDK, 1.5 s of CPU time; a laptop that is offline for
days probes thousands of times.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_TIMEOUT_S = 5.0
_PORTS = {"http": 80, "https": 443}


def refusal(url: str) -> str | None:
    """Returns why no connection to the URL's host and port can be made, as the system says it.

    None: a connection can be made, or only a whole probe can tell, because a proxy leads to the host.
    """
    parts = urlsplit(url.replace("[hidden]@", ""))  # older versions recorded addresses with it
    host = parts.hostname
    if host is None or _has_proxy(parts.scheme, host):
        return None
    try:
        port = parts.port or _PORTS[parts.scheme]
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _has_proxy(scheme: str, host: str) -> bool:
    proxies = getproxies()
    return bool(proxies.get(scheme) or proxies.get("all")) and not proxy_bypass(host)
