"""What a proxy between us and a provider says by a refusal."""

from __future__ import annotations

import requests

REFUSES = "the proxy refuses us (407). Check user and password in HTTP_PROXY and HTTPS_PROXY."


def refuses(error: BaseException) -> bool:
    """Returns whether a proxy wanted another user or password before it would connect."""
    return isinstance(error, requests.exceptions.ProxyError) and "407" in str(error)
