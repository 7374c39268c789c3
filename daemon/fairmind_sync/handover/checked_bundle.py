"""Opens a bundle's file for reading: checks size, signature,
sender and recipient before any entry is given out.

What is read is copied to a temporary file first, as a stick could give other bytes the second time. Only the
header is looked at before the signature is checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fairmind_sync.errors import BundleError
from fairmind_sync.handover.bundle_format import (
    FORMAT,
    MOST_HEADER,
    MOST_LINE,
    UNSIGNED,
    VERSION,
    trailer,
)
from fairmind_sync.handover.bundle_header import BundleHeader, as_known
from fairmind_sync.handover.public_site import PublicSite, checked_name, keys_of
from fairmind_sync.handover.sealing import Decryption, PrivateKeys, is_signed_by

_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadBundle:
    """A bundle whose signature is right; `entries` reads its entries from the start at each call."""

    kind: str
    key: str
    sender: PublicSite
    sequence: object
    entries: Callable[[], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a bundle has to pass: whom it is for, and which sites are trusted, by their fingerprints."""

    own: PublicSite
    private: PrivateKeys
    trusted: Mapping[str, PublicSite]
    most_bytes: int


@contextmanager
def opened(file: Path, gate: Gate) -> Iterator[ReadBundle]:
    """Yields the bundle in the file, once all of it is known to be as its sender has signed it.

    Raises:
        BundleError: it is no bundle, or not whole, too large, of a newer format, changed, for another site,
            or of a site that isn't trusted here.
    """
    with _copied(file, gate.most_bytes) as copy:
        unchecked, begin = _header(copy, file)
        body = (begin, _body_end(copy, file, unchecked))
        _check_signature(copy, file, unchecked, body[1])
        header = as_known(BundleHeader, unchecked, f"the header of {file}")
        sealed = None if header.sealed is None else _bytes_of(header.sealed)
        yield ReadBundle(
            kind=header.kind,
            key=header.key,
            sender=_checked_sender(header, gate),
            sequence=header.sequence,
            entries=lambda: _entries(copy, body, sealed, gate.private),
        )


def _copied(file: Path, most_bytes: int) -> IO[bytes]:
    try:
        with ExitStack() as unless_whole:
            copy = unless_whole.enter_context(tempfile.TemporaryFile())
            for piece in _pieces(file, most_bytes):
                copy.write(piece)
            copy.flush()
            unless_whole.pop_all()
            return copy
    except OSError as error:
        raise BundleError(
            f"the temporary copy of {file} can't be written: {error.strerror}. Name a directory with room "
            "for it in TMPDIR."
        ) from error


def _pieces(file: Path, most_bytes: int) -> Iterator[bytes]:
    try:
        with file.open("rb") as source:
            size = 0
            while piece := source.read(_PIECE):
                size += len(piece)
                if size > most_bytes:
                    raise BundleError(
                        f"{file} has more than {most_bytes:,} bytes. If it is right, read it with --max-size."
                    )
                yield piece
    except OSError as error:
        raise BundleError(f"{file} can't be read: {error.strerror}.") from error


def _header(copy: IO[bytes], file: Path) -> tuple[dict[str, Any], int]:
    """Returns the header, and where it ends."""
    copy.seek(0)
    line = copy.readline(MOST_HEADER)
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise BundleError(f"{file} is no bundle of fairmind-sync.")
    if header.get("version") != VERSION:
        raise BundleError(
            f"{file} is a bundle of a newer fairmind-sync (format {header.get('version')!r}; this version "
            f"knows {VERSION}). Upgrade this installation: pip install --upgrade fairmind-sync."
        )
    return header, len(line)


def _body_end(copy: IO[bytes], file: Path, header: Mapping[str, Any]) -> int:
    """Returns where the signature begins, which a bundle that isn't whole doesn't have."""
    end = copy.seek(0, os.SEEK_END) - len(trailer(UNSIGNED))
    if end > 0:
        copy.seek(end - 1)
        if copy.read(1) == b"\n" and copy.read().startswith(b'{"signature":'):
            return end
    raise BundleError(
        f"{file} is not whole: its end is missing. Copy it again; if it was never whole, have it written "
        f"again by: {_writes_again(header)}"
    )


def _writes_again(header: Mapping[str, Any]) -> str:
    is_of_receipts = header.get("kind") == "receipts"
    return f"fairmind-sync bundle {'receipts' if is_of_receipts else 'export --again'}"


def _check_signature(copy: IO[bytes], file: Path, header: Mapping[str, Any], end: int) -> None:
    digest = hashlib.sha512()
    copy.seek(0)
    left = end
    while left:
        piece = copy.read(min(_PIECE, left))
        digest.update(piece)
        left -= len(piece)
    written = copy.read()
    if written == trailer(UNSIGNED):
        raise BundleError(
            f"{file} was never signed: whoever wrote it was interrupted. Have it written again by: "
            f"{_writes_again(header)}"
        )
    try:
        signature = _bytes_of(json.loads(written)["signature"])
        keys = keys_of(header["from"]["keys"])
    except (BundleError, ValueError, KeyError, TypeError, RecursionError):
        raise _changed(file) from None
    if written != trailer(signature) or not is_signed_by(keys, digest.digest(), signature):
        raise _changed(file)


def _changed(file: Path) -> BundleError:
    return BundleError(
        f"{file} was changed since it was signed, or is damaged: nothing of it was read. Copy it again."
    )


def _checked_sender(header: BundleHeader, gate: Gate) -> PublicSite:
    sender = PublicSite(checked_name(header.sender.name), keys_of(header.sender.keys))
    if header.to.fingerprint != gate.own.fingerprint:
        raise _for_another(header.to.name, sender, gate.own)
    if sender.fingerprint not in gate.trusted:
        raise BundleError(
            f"the bundle is signed by a site {sender.name} that isn't trusted here; its fingerprint is "
            f"{sender.shown_fingerprint}. If the people there read the same to you, run: "
            f"fairmind-sync bundle trust '{sender.line}'"
        )
    return sender


def _for_another(name: str, sender: PublicSite, own: PublicSite) -> BundleError:
    if name == own.name:
        return BundleError(
            f"the bundle of site {sender.name} was written for the earlier keys of this site {own.name}, or "
            f"for another site of that name. Have this site's keys trusted there ({own.name}'s fingerprint "
            f"is {own.shown_fingerprint}); then the site that handed the deliveries over has to take them "
            "back and to export them again: fairmind-sync bundle take-back"
        )
    return BundleError(
        f"the bundle of site {sender.name} is for site {name}, and this is site {own.name}. Carry it "
        "there: here its runs could be made a second time."
    )


def _bytes_of(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _entries(
    copy: IO[bytes], body: tuple[int, int], sealed: bytes | None, private: PrivateKeys
) -> Iterator[Any]:
    decryption = None if sealed is None else Decryption(private, sealed)
    place, end = body
    while place < end:
        copy.seek(place)
        line = copy.readline(MOST_LINE)
        place = copy.tell()
        if not line.endswith(b"\n"):
            raise BundleError("an entry of the bundle is larger than any that a site writes.")
        try:
            plain = decryption.decrypted(base64.b64decode(line)) if decryption else line
            entry = json.loads(plain)
        except (ValueError, RecursionError) as error:
            raise BundleError("an entry of the bundle is no JSON.") from error
        yield entry
