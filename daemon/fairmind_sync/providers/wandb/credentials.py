"""Sends our own requests to W&B by HTTP, and signs them: by API
key, or by an access token for an identity token.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import InsecureRequestWarning

from fairmind_sync.errors import ProviderBlockedError, ProviderOfflineError
from fairmind_sync.text import shorten, words_of

TIMEOUT_S = (5.0, 10.0)
Auth: TypeAlias = Callable[[requests.PreparedRequest], requests.PreparedRequest]
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SHORTEST_LIFE_S = 60.0


@dataclass(frozen=True, slots=True)
class Transport:
    """What goes along with each request: headers for a gateway, proxies by scheme.

    `verify` is False where certificates don't matter, else None: requests' own variables count.
    """

    headers: Mapping[str, str]
    proxies: Mapping[str, str]
    verify: Literal[False] | None

    def post(self, url: str, *, auth: Auth, **carried: Any) -> requests.Response:
        """Sends one request, which follows no redirection.

        Raises:
            requests.exceptions.RequestException: no answer came.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            return requests.post(
                url,
                auth=auth,
                headers=self.headers,
                proxies=dict(self.proxies),
                verify=self.verify,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                **carried,
            )


def of_key(key: str) -> AuthBase:
    return HTTPBasicAuth("api", key)


class IdentityToken(AuthBase):
    """Exchanges the JWT in a file for an access token, as RFC 7523 says, again and again as tokens end."""

    def __init__(self, base_url: str, file: Path, transport: Transport) -> None:
        self._base_url = base_url
        self._file = file
        self._transport = transport
        self._token = ""
        self._ends_at = 0.0
        self._exchanging = threading.Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with self._exchanging:
            if time.monotonic() > self._ends_at - _SHORTEST_LIFE_S:
                self._exchange()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _exchange(self) -> None:
        try:
            assertion = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ProviderBlockedError(
                f"WANDB_IDENTITY_TOKEN_FILE can't be read: {error}"
            ) from error
        reply = self._transport.post(
            f"{self._base_url}/oidc/token",
            data={"grant_type": _JWT_BEARER, "assertion": assertion},
            auth=lambda request: request,  # else requests looks into ~/.netrc
        )
        if reply.status_code >= requests.codes.server_error:
            raise ProviderOfflineError(f"W&B answers {reply.status_code} to the identity token")
        try:
            answer = reply.json()
            self._token = str(answer["access_token"])
            self._ends_at = time.monotonic() + float(answer["expires_in"])
        except (ValueError, KeyError, TypeError) as error:
            said = shorten(words_of(reply.text) or "a page", 200)
            raise ProviderBlockedError(
                f"W&B refuses the identity token ({reply.status_code}: {said}). "
                "Check WANDB_IDENTITY_TOKEN_FILE."
            ) from error
