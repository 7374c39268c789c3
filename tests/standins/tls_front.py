"""Terminates TLS before a plain server on loopback, as a gateway does."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.standins.crossing import pass_on, serving


@contextmanager
def tls_front(port: int, certificate: Path, clients: Path | None = None) -> Iterator[int]:
    """Shows the certificate during the block; yields the front's port.

    With `clients`, a file of authorities, nobody gets in without a certificate of theirs.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    with serving(partial(pass_on, port=port), context) as front:
        yield front


def without_the_systems_certificates() -> ssl.SSLContext:
    """A client's context, in the place of Python's default one, which reads some hundred certificates."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
