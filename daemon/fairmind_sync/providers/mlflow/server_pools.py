"""Makes urllib3's pools of kept connections to an MLflow server, directly or by an HTTP or SOCKS proxy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import LocationValueError
from urllib3.util import make_headers

from fairmind_sync.errors import ProviderBlockedError
from fairmind_sync.providers.environment_proxy import proxy_for
from fairmind_sync.providers.mlflow.quick_connections import QuickHttpPool, QuickHttpsPool
from fairmind_sync.providers.mlflow.trust import client_context, trust
from fairmind_sync.redaction import without_user

if TYPE_CHECKING:
    from fairmind_sync.providers.mlflow.tracking_variables import Certificates

_MOST_CONNECTIONS = 16
"""More than a provider's threads: none waits for another's connection."""


def pools_to(uri: str, certificates: Certificates) -> Callable[[], urllib3.PoolManager]:
    """Returns what makes pools, apart from each other, whose connections lead to the server at `uri`.

    Raises:
        ProviderBlockedError: a file of certificates or the proxy's address can't be used; maybe only once
            pools are made.
    """
    options: dict[str, Any] = {
        "maxsize": _MOST_CONNECTIONS,
        "ssl_context": client_context(certificates) if uri.startswith("https:") else None,
    }
    if proxy := proxy_for(uri):
        return partial(_by_proxy, proxy, certificates, options)
    return partial(_direct, options)


def _direct(options: dict[str, Any]) -> urllib3.PoolManager:
    return _quick(urllib3.PoolManager(**options))


def _quick(pools: urllib3.PoolManager) -> urllib3.PoolManager:
    pools.pool_classes_by_scheme = {"http": QuickHttpPool, "https": QuickHttpsPool}
    return pools


def _by_proxy(
    proxy: str, certificates: Certificates, options: dict[str, Any]
) -> urllib3.PoolManager:
    parts = urlsplit(proxy)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme.startswith("socks"):
        return _by_socks()(proxy, username=user or None, password=password or None, **options)
    try:
        return _quick(
            urllib3.ProxyManager(
                without_user(proxy),
                proxy_headers=make_headers(proxy_basic_auth=f"{user}:{password}") if user else None,
                proxy_ssl_context=trust(certificates) if parts.scheme == "https" else None,
                **options,
            )
        )
    except LocationValueError as error:
        raise ProviderBlockedError(
            f"the proxy's address can't be used: {error}. Check HTTP_PROXY and HTTPS_PROXY."
        ) from None


def _by_socks() -> Callable[..., urllib3.PoolManager]:
    if find_spec("socks") is None:
        raise ProviderBlockedError(
            "a SOCKS proxy needs a package. Run: pip install 'requests[socks]'."
        )
    from urllib3.contrib.socks import SOCKSProxyManager  # which is there only with that package

    return SOCKSProxyManager
