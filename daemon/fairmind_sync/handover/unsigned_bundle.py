"""Writes a bundle's file: beside its place and within a size, synced to the disk, then signed and renamed."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fairmind_sync.errors import BundleError
from fairmind_sync.handover.bundle_format import (
    FORMAT,
    MOST_LINE,
    UNSIGNED,
    VERSION,
    line_of,
    trailer,
)
from fairmind_sync.handover.sealing import Encryption, PrivateKeys
from fairmind_sync.storage.sqlite_place import sync_directory


class EntryTooLargeError(BundleError):
    """An entry takes more bytes than any bundle holds for one."""


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
        self._left = most_bytes - len(trailer(UNSIGNED))
        self._encryption = encryption
        self._digest = hashlib.sha512()
        descriptor = os.open(self._part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        self._out = os.fdopen(descriptor, "wb")
        sealed = {"sealed": base64.b64encode(encryption.sealed).decode()} if encryption else {}
        self._write(line_of({"format": FORMAT, "version": VERSION, **header, **sealed}))

    def add(self, entry: object) -> bool:
        """Writes the entry, if there is room for it; returns whether there is.

        Raises:
            EntryTooLargeError: the entry takes more than any bundle holds.
        """
        line = line_of(entry)
        size = len(line)
        if self._encryption is not None:
            size = (size + 17 + 2) // 3 * 4 + 1  # 17 is what the encryption adds
        if size > MOST_LINE:
            raise EntryTooLargeError
        if size > self._left:
            return False
        if self._encryption is not None:
            line = base64.b64encode(self._encryption.encrypted(line)) + b"\n"
        self._write(line)
        return True

    def finish(self) -> None:
        """Has all be on the disk but the signature."""
        self._out.write(trailer(UNSIGNED))
        self._sync()

    def sign(self, keys: PrivateKeys) -> int:
        """Signs the bundle, which gets its name; returns its bytes.

        Raises:
            FileExistsError: the name is another file's by now, which stays as it is.
        """
        signed = trailer(keys.sign(self._digest.digest()))
        size = self._out.seek(-len(signed), os.SEEK_END) + len(signed)
        self._out.write(signed)
        self._sync()
        self._out.close()
        self._take_place()
        with suppress(OSError):  # some file systems of sticks know no such thing
            sync_directory(self._place.parent)
        return size

    def _take_place(self) -> None:
        """Renames the file to its place, which is taken first: a rename alone puts it over another's.

        No hard link does that, as the file systems of sticks know none.
        """
        os.close(os.open(self._place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            self._part.rename(self._place)
        except OSError:
            with suppress(OSError):
                self._place.unlink()
            raise

    def close(self) -> None:
        """Removes what was written, unless it was signed, or the disk refuses that, too."""
        with suppress(OSError):
            self._out.close()
        with suppress(OSError):  # a stick that was pulled out, or takes nothing any more
            self._part.unlink()

    def _write(self, line: bytes) -> None:
        self._left -= len(line)
        self._digest.update(line)
        self._out.write(line)

    def _sync(self) -> None:
        self._out.flush()
        os.fsync(self._out.fileno())
