"""Which proxy the environment's variables name for an address."""

from __future__ import annotations

from urllib.request import getproxies


def proxy_for(address: str) -> str | None:
    """Returns the proxy that requests would take; requests is imported only where there may be one."""
    if not getproxies():
        return None
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(address, get_environ_proxies(address))
    if not proxy or "://" in proxy:
        return proxy or None
    return f"http://{proxy}"
