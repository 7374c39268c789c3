"""The identity of this site: made at its first use, renamed, renewed;
its private keys in a file that only we may read.

The database holds the public keys, so that another file of keys is noticed. A copy of the database holds no
private key.
"""

from __future__ import annotations

import base64
import binascii
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from platformdirs import user_data_path

from fairmind_sync.errors import BundleError
from fairmind_sync.handover.public_site import (
    KEY_BYTES,
    PublicSite,
    checked_name,
    encoded_keys,
    keys_of,
    name_of_host,
)
from fairmind_sync.handover.sealing import PrivateKeys
from fairmind_sync.outbox import sites
from fairmind_sync.storage import sqlite_file
from fairmind_sync.storage.engine import is_file, reading, writing
from fairmind_sync.storage.sqlite_place import sync_directory
from fairmind_sync.storage.url import shown
from fairmind_sync.text import mark

if TYPE_CHECKING:
    from sqlalchemy import Engine

_BEGINS = "fairmind-site-key-1"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WHERE = "Put the file back, or name its place in FAIRMIND_SYNC_SITE_KEY_FILE"


@dataclass(frozen=True, slots=True)
class OwnSite:
    """The site of this database, with its private keys."""

    public: PublicSite
    private: PrivateKeys


def key_file_of(engine: Engine, setting: Path | None) -> Path:
    """Returns where the private keys are: where the setting says, else beside a SQLite file.

    Those for a database on a server are in the directory of this account's data.
    """
    if setting is not None:
        return setting.expanduser().absolute()
    if is_file(engine):
        file = sqlite_file.file_of(engine)
        return file.with_name(f"{file.name}.site-key")
    database = mark(shown(engine.url.set(password=None)))
    return user_data_path("fairmind-sync", appauthor=False) / f"site-{database}.site-key"


def own_site(engine: Engine, setting: Path | None) -> OwnSite:
    """Returns this database's site, which is made where there is none.

    Raises:
        BundleError: the file of keys is missing, is another site's, can't be read, or others may read it.
    """
    file = key_file_of(engine, setting)
    with reading(engine) as connection:
        known = sites.own(connection)
    if known is None:
        return _adopt(engine, _read(file) if file.exists() else _make(file))
    if not file.exists():
        raise BundleError(
            f"the private keys of this database's site {known[0]} are not in {file}. {_WHERE}; if they are "
            "lost, run: fairmind-sync bundle identity --new"
        )
    private, public = _read(file), PublicSite(known[0], keys_of(known[1]))
    if private.public != public.keys:
        raise BundleError(
            f"{file} holds the keys of another site than {known[0]}, which this database is. {_WHERE}."
        )
    return OwnSite(public, private)


def rename(engine: Engine, site: OwnSite, name: str) -> OwnSite:
    """Gives this site another name; whoever trusts its keys goes on trusting them."""
    public = PublicSite(checked_name(name), site.public.keys)
    with writing(engine) as connection:
        sites.set_own(connection, public.name, encoded_keys(public))
    return OwnSite(public, site.private)


def renew(engine: Engine, setting: Path | None) -> OwnSite:
    """Makes a new identity in the place of one whose keys are lost or known to others; keeps an old file."""
    file = key_file_of(engine, setting)
    if file.exists():
        file.rename(file.with_name(f"{file.name}.{uuid4().hex[:8]}.old"))
    with reading(engine) as connection:
        known = sites.own(connection)
    return _adopt(engine, _make(file), known[0] if known else None)


def _adopt(engine: Engine, private: PrivateKeys, name: str | None = None) -> OwnSite:
    public = PublicSite(name or name_of_host(socket.gethostname()), private.public)
    with writing(engine) as connection:
        sites.set_own(connection, public.name, encoded_keys(public))
    return OwnSite(public, private)


def _make(file: Path) -> PrivateKeys:
    """Writes new keys, or reads those that another process has written meanwhile: never half of them."""
    keys = PrivateKeys.new()
    written = file.with_name(f"{file.name}.{uuid4().hex}.part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(written, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(f"{_BEGINS} {base64.b64encode(keys.secret).decode()}\n".encode())
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            file.hardlink_to(written)
        sync_directory(file.parent)
    except OSError as error:
        raise BundleError(
            f"the site's private keys can't be written to {file}: {error.strerror}. "
            "Name another place in FAIRMIND_SYNC_SITE_KEY_FILE."
        ) from error
    finally:
        with suppress(OSError):
            written.unlink()
    return _read(file)


def _read(file: Path) -> PrivateKeys:
    try:
        if file.stat().st_mode & _OTHERS:
            raise BundleError(f"others may read the site's private keys. Run: chmod go-rwx {file}")
        word, _, encoded = file.read_text(encoding="ascii").strip().partition(" ")
        secret = base64.b64decode(encoded, validate=True)
    except OSError as error:
        raise BundleError(f"{file} can't be read: {error.strerror}. {_WHERE}.") from error
    except (UnicodeDecodeError, binascii.Error):
        word, secret = "", b""
    if word != _BEGINS or len(secret) != 2 * KEY_BYTES:
        raise BundleError(f"{file} holds no private keys of a site. {_WHERE}.")
    return PrivateKeys(secret)
