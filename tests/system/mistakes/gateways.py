"""What stands before a destination: TLS with one certificate or another, and a proxy on the way there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.standins.forward_proxy import forward_proxy
from tests.standins.tls_front import tls_front
from tests.support.certificates import ANY_HOST, issued, self_signed

USER, PASSWORD = "ann", "proxys-own-word"


@dataclass(frozen=True)
class Gateway:
    """Terminates TLS before the destination.

    The certificate is for `hosts`, and for `days`, and is an authority's unless it `is_self_signed`. It may
    want one of its clients, too. A proxy leads to it that has a user and a password.
    """

    hosts: str = ANY_HOST
    days: int = 2
    is_self_signed: bool = False
    wants_certificates: bool = False

    @contextmanager
    def open(self, uri: str, place: Path) -> Iterator[dict[str, str]]:
        """Opens during the block; yields the front's and the proxy's port, and files of certificates."""
        authority = self_signed(place, "authority")
        shown = (
            self_signed(place, "shown", self.hosts)
            if self.is_self_signed
            else issued(authority, "shown", self.hosts, self.days)
        )
        nothing = place / "nothing.pem"
        nothing.touch()
        with ExitStack() as stack:
            clients = authority if self.wants_certificates else None
            front = stack.enter_context(tls_front(int(urlsplit(uri).port or 0), shown, clients))
            proxy = stack.enter_context(forward_proxy(front, USER, PASSWORD))
            yield {
                "plain": str(urlsplit(uri).port),
                "front": str(front),
                "proxy": str(proxy.port),
                "authority": str(authority),
                "shown": str(shown),
                "nothing": str(nothing),
                "ours": str(issued(authority, "ours")),
            }
