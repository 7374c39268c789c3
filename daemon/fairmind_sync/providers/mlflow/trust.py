"""Makes TLS contexts for MLflow from its variables of certificates: whom to trust, our own certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3
from urllib3.exceptions import InsecureRequestWarning
from urllib3.util.ssl_ import create_urllib3_context

from fairmind_sync.errors import ProviderBlockedError

if TYPE_CHECKING:
    from fairmind_sync.providers.mlflow.tracking_variables import Certificates, NamedPlace


def trust(certificates: Certificates) -> ssl.SSLContext:
    """Returns what trusts the authorities, requests' own if none are named; or what checks nobody.

    Raises:
        ProviderBlockedError: a file of certificates isn't there, or is none.
    """
    if not certificates.are_checked:
        urllib3.disable_warnings(InsecureRequestWarning)
        return create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    named = certificates.authorities
    if named is None:
        from requests.utils import DEFAULT_CA_BUNDLE_PATH  # which takes long to import

        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context
    with _blaming(named) as place:
        if place.is_dir():
            context.load_verify_locations(capath=place)
        else:
            context.load_verify_locations(cafile=place)
    return context


def client_context(certificates: Certificates) -> ssl.SSLContext:
    """Returns what `trust` does, and shows our own certificate where there is one; raises as `trust` does."""
    context = trust(certificates)
    if certificates.own is not None:
        with _blaming(certificates.own) as place:
            context.load_cert_chain(place)
    return context


@contextmanager
def _blaming(named: NamedPlace) -> Iterator[Path]:
    place = named.checked()
    try:
        yield place
    except (OSError, ValueError) as error:
        raise ProviderBlockedError(
            f"{named.variable} names {place}, which can't be used: {error}. "
            f"Have {named.variable} name a file in PEM form."
        ) from None
