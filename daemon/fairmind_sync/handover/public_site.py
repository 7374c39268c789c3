"""A site as others know it: its name, its public keys, its fingerprint, and the one line that carries them.

The line can be carried or typed: `fairmind-site-1 KEYS NAME`. The keys have a check at their end, so that a
mistyped letter is noticed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from fairmind_sync.errors import BundleError

KEY_BYTES = 32
_BEGINS = "fairmind-site-1"
_CHECK_BYTES = 2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LINE = (
    "It is one line, as `fairmind-sync bundle identity` prints it there: fairmind-site-1 KEYS NAME."
)


@dataclass(frozen=True, slots=True)
class PublicSite:
    """A site's name, its key that checks signatures, and its key that encrypts, one after the other."""

    name: str
    keys: bytes

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal characters that stand for the keys, whatever the name."""
        return hashlib.sha256(self.keys).hexdigest()[:32]

    @property
    def shown_fingerprint(self) -> str:
        """The fingerprint in groups of four, as two people read it to each other."""
        return " ".join(re.findall("....", self.fingerprint))

    @property
    def line(self) -> str:
        return f"{_BEGINS} {_encoded(self.keys)} {self.name}"


def is_line(text: str) -> bool:
    """Returns whether the text is meant as such a line, or as one with a line that begins with '#'."""
    return text.lstrip().startswith((f"{_BEGINS} ", "#"))


def site_of_line(text: str) -> PublicSite:
    """Returns the site that the line names; a line that begins with '#' may stand before it.

    Raises:
        BundleError: it is no such line, or a letter of it is wrong.
    """
    lines = [line.strip() for line in text.splitlines()]
    words = " ".join(line for line in lines if line and not line.startswith("#")).split()
    if len(words) != 3 or words[0] != _BEGINS:  # noqa: PLR2004 as the line has words
        raise BundleError(f"this is no site's public identity. {_LINE}")
    return PublicSite(checked_name(words[2]), keys_of(words[1]))


def keys_of(encoded: str) -> bytes:
    """Returns the two keys that `PublicSite.line` and bundles have in base64, with a check at their end.

    Raises:
        BundleError: a letter is wrong or missing.
    """
    try:
        decoded = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    keys, check = decoded[:-_CHECK_BYTES], decoded[-_CHECK_BYTES:]
    if len(keys) != 2 * KEY_BYTES or check != _check(keys):
        raise BundleError(f"a letter of the site's keys is wrong or missing. {_LINE}")
    return keys


def encoded_keys(site: PublicSite) -> str:
    """Returns the site's keys as `keys_of` reads them."""
    return _encoded(site.keys)


def checked_name(name: str) -> str:
    """Returns the name of a site, if it can be one.

    Raises:
        BundleError: it has other characters than names of hosts have, or too many.
    """
    if not _NAME.fullmatch(name):
        raise BundleError(
            f"{name!r} can't be a site's name: take letters, digits, '.', '_' and '-', at most 63."
        )
    return name


def name_of_host(host: str) -> str:
    """Returns a site's name that is made of a host's."""
    fit = re.sub(r"[^A-Za-z0-9._-]", "-", host).lstrip("._-")[:63]
    return fit or "site"


def _encoded(keys: bytes) -> str:
    return base64.urlsafe_b64encode(keys + _check(keys)).decode()


def _check(keys: bytes) -> bytes:
    return hashlib.sha256(b"check" + keys).digest()[:_CHECK_BYTES]
