"""The file of a bundle: a header, a line for each entry, and the sender's signature over all of it.

    {"format": "fairmind-sync bundle", "version": 1, "kind": "results", "from": ..., "to": ..., ...}
    one entry a line: JSON, or its encryption in base64
    {"signature": ...}

Nothing is compressed, so nothing unpacks to more than it is. What is read is copied to a temporary file
first, as a stick could give other bytes the second time. Only the header is looked at before the signature is
checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fairmind_sync.errors import BundleError
from fairmind_sync.handover.public_site import PublicSite, checked_name, encoded_keys, keys_of
from fairmind_sync.handover.sealing import (
    SIGNATURE_BYTES,
    Decryption,
    Encryption,
    PrivateKeys,
    is_signed_by,
)

FORMAT, VERSION = "fairmind-sync bundle", 1
MOST_HEADER = 64 * 1024
MOST_LINE = 64 * 1024 * 1024
"""Bytes of one entry: a result that takes more can't be handed over."""
_PIECE = 1024 * 1024
_UNSIGNED = bytes(SIGNATURE_BYTES)


def line_of(value: object) -> bytes:
    """Returns the JSON of the value, always the same for the same value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii") + b"\n"


def _trailer(signature: bytes) -> bytes:
    return line_of({"signature": base64.b64encode(signature).decode()})


class UnsignedBundle:
    """A bundle that is being written, beside its place. Without the signature nobody takes it.

    The signature's bytes are there from the start, so that a full disk is noticed before anything is handed
    over.
    """

    def __init__(
        self,
        place: Path,
        header: Mapping[str, Any],
        most_bytes: int,
        encryption: Encryption | None = None,
    ) -> None:
        self._place = place
        self._part = place.with_name(f"{place.name}.{os.getpid()}.part")
        self._left = most_bytes - len(_trailer(_UNSIGNED))
        self._encryption = encryption
        self._digest = hashlib.sha512()
        descriptor = os.open(self._part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        self._out = os.fdopen(descriptor, "wb")
        sealed = {"sealed": base64.b64encode(encryption.sealed).decode()} if encryption else {}
        self._write(line_of({"format": FORMAT, "version": VERSION, **header, **sealed}))

    def add(self, entry: object) -> bool:
        """Writes the entry, if there is room for it; returns whether there is.

        Raises:
            BundleError: the entry takes more than any bundle holds.
        """
        line = line_of(entry)
        if self._encryption is not None:
            size = len(line) + 17  # what the encryption adds
            if (size + 2) // 3 * 4 + 1 > self._left:
                return False
            line = base64.b64encode(self._encryption.encrypted(line)) + b"\n"
        if len(line) > MOST_LINE:
            raise BundleError(f"a result takes {len(line):,} bytes, more than a bundle can hold.")
        if len(line) > self._left:
            return False
        self._write(line)
        return True

    def finish(self) -> None:
        """Has all be on the disk but the signature."""
        self._out.write(_trailer(_UNSIGNED))
        self._sync()

    def sign(self, keys: PrivateKeys) -> int:
        """Signs the bundle, which gets its name; returns its bytes."""
        trailer = _trailer(keys.sign(self._digest.digest()))
        size = self._out.seek(-len(trailer), os.SEEK_END) + len(trailer)
        self._out.write(trailer)
        self._sync()
        self._out.close()
        self._part.rename(self._place)
        directory = os.open(self._place.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # some file systems of sticks know no such thing
                os.fsync(directory)
        finally:
            os.close(directory)
        return size

    def drop(self) -> None:
        """Removes what was written, unless it was signed."""
        with suppress(OSError):
            self._out.close()
        self._part.unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        self._left -= len(line)
        self._digest.update(line)
        self._out.write(line)

    def _sync(self) -> None:
        self._out.flush()
        os.fsync(self._out.fileno())


@dataclass(frozen=True, slots=True)
class ReadBundle:
    """A bundle whose signature is right; `entries` reads its entries from the start at each call."""

    kind: str
    key: str
    sender: PublicSite
    header: Mapping[str, Any]
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
    with tempfile.TemporaryFile() as copy:
        _copy(file, copy, gate.most_bytes)
        header = _header(copy, file)
        body = (len(line_of(header)), _body_end(copy, file))
        _check_signature(copy, file, header, body[1])
        sender = _checked_sender(header, gate)
        sealed = header.get("sealed")
        yield ReadBundle(
            kind=str(header.get("kind")),
            key=str(header.get("key")),
            sender=sender,
            header=header,
            entries=lambda: _entries(copy, body, sealed and _bytes_of(sealed), gate.private),
        )


def header_of(
    kind: str, key: str, sender: PublicSite, recipient: PublicSite, **more: object
) -> dict[str, object]:
    return {
        "kind": kind,
        "key": key,
        "from": {"name": sender.name, "keys": encoded_keys(sender)},
        "to": {"name": recipient.name, "fingerprint": recipient.fingerprint},
        **more,
    }


def _copy(file: Path, copy: IO[bytes], most_bytes: int) -> None:
    try:
        with file.open("rb") as source:
            size = 0
            while piece := source.read(_PIECE):
                size += len(piece)
                if size > most_bytes:
                    raise BundleError(
                        f"{file} has more than {most_bytes:,} bytes. If it is right, read it with --max-size."
                    )
                copy.write(piece)
    except OSError as error:
        raise BundleError(f"{file} can't be read: {error.strerror}.") from error


def _header(copy: IO[bytes], file: Path) -> dict[str, Any]:
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
    if line != line_of(header):
        raise _changed(file)
    return header


def _body_end(copy: IO[bytes], file: Path) -> int:
    """Returns where the signature begins, which a bundle that isn't whole doesn't have."""
    trailer = len(_trailer(_UNSIGNED))
    end = copy.seek(0, os.SEEK_END) - trailer
    if end > 0:
        copy.seek(end - 1)
        if copy.read(1) == b"\n" and copy.read().startswith(b'{"signature":'):
            return end
    raise BundleError(
        f"{file} is not whole: its end is missing. Copy it again; if it was never whole, have it written "
        "again by: fairmind-sync bundle export --again"
    )


def _check_signature(copy: IO[bytes], file: Path, header: Mapping[str, Any], end: int) -> None:
    digest = hashlib.sha512()
    copy.seek(0)
    left = end
    while left:
        piece = copy.read(min(_PIECE, left))
        digest.update(piece)
        left -= len(piece)
    written = copy.read()
    try:
        signature = _bytes_of(json.loads(written)["signature"])
        keys = keys_of(header["from"]["keys"])
    except (BundleError, ValueError, KeyError, TypeError, RecursionError):
        raise _changed(file) from None
    if written != _trailer(signature) or not is_signed_by(keys, digest.digest(), signature):
        raise _changed(file)


def _changed(file: Path) -> BundleError:
    return BundleError(
        f"{file} was changed since it was signed, or is damaged: nothing of it was read. Copy it again."
    )


def _checked_sender(header: Mapping[str, Any], gate: Gate) -> PublicSite:
    sender = PublicSite(checked_name(str(header["from"]["name"])), keys_of(header["from"]["keys"]))
    to = header.get("to")
    recipient = to if isinstance(to, dict) else {}
    if recipient.get("fingerprint") != gate.own.fingerprint:
        raise BundleError(
            f"the bundle of site {sender.name} is for site {recipient.get('name')!s}, and this is site "
            f"{gate.own.name}. Carry it there: here its runs could be made a second time."
        )
    if sender.fingerprint not in gate.trusted:
        raise BundleError(
            f"the bundle is signed by a site {sender.name} that isn't trusted here; its fingerprint is "
            f"{sender.shown_fingerprint}. If the people there read the same to you, run: "
            f"fairmind-sync bundle trust '{sender.line}'"
        )
    return sender


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
        line = copy.readline(MOST_LINE + 1)
        place = copy.tell()
        if not line.endswith(b"\n"):
            raise BundleError("an entry of the bundle is larger than any that a site writes.")
        try:
            plain = decryption.decrypted(base64.b64decode(line)) if decryption else line
            entry = json.loads(plain)
        except (ValueError, RecursionError) as error:
            raise BundleError("an entry of the bundle is no JSON.") from error
        yield entry
